// Command gorgpt is the gorgpt command with the object stores of package cloud.
package main

import (
	"github.com/gorgpt/gorgpt/cli"
	_ "github.com/gorgpt/gorgpt/cloud"
)

func main() { cli.Main() }
