// Command mygpt is gorgpt with the family of package mymodel beside its own.
package main

import (
	"github.com/gorgpt/gorgpt/cli"

	_ "example.com/mymodel"
)

func main() { cli.Main() }
