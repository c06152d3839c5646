// Command mygpt is gorgpt with the family of package mymodel added.
package main

import (
	"github.com/gorgpt/gorgpt/cli"

	_ "example.com/mymodel"
)

func main() { cli.Main() }
