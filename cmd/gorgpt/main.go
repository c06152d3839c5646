// Command gorgpt declares, trains, samples and inspects GPT models; see package cli.
package main

import "github.com/gorgpt/gorgpt/cli"

func main() { cli.Main() }
