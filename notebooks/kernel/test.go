package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// runPy is the script that executes one notebook.
//
//go:embed run.py
var runPy string

// tester executes notebooks without a browser.
type tester struct {
	python string
	kernel string // "" means both
	update bool
	log    io.Writer
}

// run executes the notebooks, by default all of them, and reports which of them failed.
func (t *tester) run(ctx context.Context, notebooks []string) error {
	b, err := t.build(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	return t.runOn(ctx, b, notebooks)
}

// build checks the requirements and builds the kernels.
func (t *tester) build(ctx context.Context) (*builder, error) {
	if t.kernel != "" && t.kernel != "gorgpt" && t.kernel != "gonb" {
		return nil, fmt.Errorf("--kernel %s: want gorgpt or gonb", t.kernel)
	}
	if out, err := exec.CommandContext(ctx, t.python, "-c", "import nbclient").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s has no nbclient (%w): python3 -m venv venv && venv/bin/pip install -r notebooks/kernel/requirements.txt, then --python venv/bin/python\n%s", t.python, err, out)
	}
	b, err := newBuilder(t.log)
	if err != nil {
		return nil, err
	}
	jupyter := filepath.Join(b.dir, "jupyter")
	if t.kernel != "gonb" {
		err = b.gophernotes(jupyter)
	}
	if t.kernel != "gorgpt" && err == nil {
		err = b.gonb(jupyter)
	}
	if err == nil {
		err = write(b.dir, "run.py", runPy)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// runOn is run with kernels that have been built.
func (t *tester) runOn(ctx context.Context, b *builder, notebooks []string) error {
	if len(notebooks) == 0 {
		var err error
		if notebooks, err = filepath.Glob(filepath.Join(b.root, "notebooks", "*.ipynb")); err != nil {
			return err
		}
		if len(notebooks) == 0 {
			return errors.New("there are no notebooks in notebooks/")
		}
	}
	failed := 0
	for _, notebook := range notebooks {
		lacks, err := lacking(notebook)
		if err != nil {
			return err
		}
		if lacks != "" {
			fmt.Fprintf(t.log, "skip   %s: %s does not name a file\n", filepath.Base(notebook), lacks)
			continue
		}
		for _, kernel := range []string{"gorgpt", "gonb"} {
			if t.kernel != "" && t.kernel != kernel {
				continue
			}
			start := time.Now()
			if err := t.execute(ctx, b, kernel, notebook); err != nil {
				failed++
				fmt.Fprintf(t.log, "FAILED %s on %s: %v\n", filepath.Base(notebook), kernel, err)
				continue
			}
			fmt.Fprintf(t.log, "ok     %s on %s (%.0fs)\n", filepath.Base(notebook), kernel, time.Since(start).Seconds())
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d executions failed", failed)
	}
	return nil
}

// lacking returns the environment variable that must name a file according to the notebook's metadata, if it does
// not name one, and "" otherwise.
func lacking(notebook string) (variable string, err error) {
	text, err := os.ReadFile(notebook)
	if err != nil {
		return "", err
	}
	var nb struct {
		Metadata struct {
			Gorgpt struct{ Needs string }
		}
	}
	if err := json.Unmarshal(text, &nb); err != nil {
		return "", fmt.Errorf("%s: %w", notebook, err)
	}
	needs := nb.Metadata.Gorgpt.Needs
	if needs == "" {
		return "", nil
	}
	if _, err := os.Stat(os.Getenv(needs)); err != nil {
		return needs, nil
	}
	return "", nil
}

// execute runs one notebook on one kernel.
func (t *tester) execute(ctx context.Context, b *builder, kernel, notebook string) error {
	in, out := notebook, filepath.Join(b.dir, "out.ipynb")
	args := []string{filepath.Join(b.dir, "run.py"), kernel}
	switch {
	case kernel == "gonb":
		// GoNB finds the module through the folder of the notebook.
		in = filepath.Join(b.root, "notebooks", "gonb", filepath.Base(notebook))
		if err := convertFile(notebook, in); err != nil {
			return err
		}
	case t.update:
		out = notebook
	case runtime.GOARCH == "amd64":
		args = append(args, "--compare")
	}
	cmd := exec.CommandContext(ctx, t.python, append(args, in, out)...)
	cmd.Env = append(os.Environ(), "JUPYTER_PATH="+filepath.Join(b.dir, "jupyter"))
	if runtime.GOARCH == "amd64" {
		// Instructions that all recent machines have; with others, results are rounded differently.
		cmd.Env = append(cmd.Env, "GORGPT_ISA=avx2")
	}
	said, err := cmd.CombinedOutput() // kernels print a lot; it is shown only on failure
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	return nil
}
