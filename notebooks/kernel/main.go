package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func main() {
	if err := newRoot().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "kernel:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "kernel",
		Short:         "Build, install and test the Jupyter kernels of the notebooks",
		Long:          long,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newInstall(), newTest(), newConvert())
	return root
}

const long = `Build, install and test the Jupyter kernels of the notebooks.

The kernel "gorgpt" is gophernotes as published, with Gorgonia and the packages of this
checkout linked in: cells import them at once, and need no network and no C compiler.
It holds the checkout as it was: after a change of Go code install again, which takes
seconds, and restart the kernel.

  go run ./notebooks/kernel install           # needs Go
  pip install jupyterlab && jupyter lab notebooks
  go run ./notebooks/kernel test              # needs a Python with nbclient too

The notebooks are written for gophernotes. GoNB, which compiles each cell, runs a form
generated of them; install --gonb installs GoNB and writes notebooks/gonb/*.ipynb.`

func newInstall() *cobra.Command {
	var jupyter string
	var gonb bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Build the kernel and make it known to Jupyter",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := newBuilder(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer b.close()
			if err := b.gophernotes(jupyter); err != nil || !gonb {
				return err
			}
			if err := b.gonb(jupyter); err != nil {
				return err
			}
			return convertAll(b.root)
		},
	}
	f := cmd.Flags()
	f.StringVar(&jupyter, "jupyter", userData(), "Jupyter's data `folder`; a kernel goes into kernels/NAME below it, with its binary")
	f.BoolVar(&gonb, "gonb", false, "install GoNB too, and write the notebooks' form for it")
	return cmd
}

func newTest() *cobra.Command {
	t := tester{}
	cmd := &cobra.Command{
		Use:   "test [NOTEBOOK.ipynb]...",
		Short: "Execute notebooks on both kernels, without a browser; fail if a cell fails",
		Long: `Execute notebooks, by default all of notebooks/, on gophernotes and on GoNB.

A cell that does not compile, panics, or ends its program with a status other than 0
fails, and the command exits 1. So it does if, on gophernotes, an output is not the one
that the notebook holds: outputs are the same to the byte wherever instruction set and
version of Go are. Under another version of Go, or on other machines than amd64, they
are not compared, as the Go source that models train on is another.

It builds both kernels into a temporary folder and changes nothing that is installed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t.log = cmd.ErrOrStderr()
			return t.run(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	f.StringVar(&t.python, "python", python, "a Python with nbclient (the default is $PYTHON, or python3)")
	f.StringVar(&t.kernel, "kernel", "", "test on this kernel alone: gorgpt (gophernotes) or gonb")
	f.BoolVar(&t.update, "update", false, "write gophernotes' outputs into the notebooks instead of comparing them")
	return cmd
}

func newConvert() *cobra.Command {
	return &cobra.Command{
		Use:   "convert IN.ipynb OUT.ipynb",
		Short: "Write a notebook's form for GoNB; it must lie in this module's folders",
		Args:  cobra.ExactArgs(2),
		RunE:  func(_ *cobra.Command, args []string) error { return convertFile(filepath.Clean(args[0]), args[1]) },
	}
}
