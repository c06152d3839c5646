package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tree holds the packages of the module.
type tree struct {
	root  string
	files map[string][]string // by folder, relative to the root
	users map[string][]string // by folder: the folders whose tests depend on it
}

// listed is what go list reports about a package.
type listed struct {
	Dir, ImportPath                 string
	GoFiles                         []string
	Deps, TestImports, XTestImports []string
	TestGoFiles, XTestGoFiles       []string
}

// readTree asks the go command for the packages of the module in the working directory.
func readTree(ctx context.Context) (*tree, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-json", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	t := &tree{root: root, files: map[string][]string{}, users: map[string][]string{}}
	folder, deps := map[string]string{}, map[string][]string{}
	for _, p := range packages {
		dir, err := filepath.Rel(root, p.Dir)
		if err != nil {
			return nil, err
		}
		folder[p.ImportPath], deps[p.ImportPath] = dir, p.Deps
		for _, f := range p.GoFiles {
			t.files[dir] = append(t.files[dir], filepath.Join(dir, f))
		}
	}
	for _, p := range packages {
		if len(p.TestGoFiles)+len(p.XTestGoFiles) == 0 {
			continue
		}
		needs := map[string]bool{}
		for _, path := range slices.Concat(p.Deps, p.TestImports, p.XTestImports) {
			needs[path] = true
			for _, below := range deps[path] {
				needs[below] = true
			}
		}
		for path := range needs {
			if dir, ours := folder[path]; ours && path != p.ImportPath {
				t.users[dir] = append(t.users[dir], folder[p.ImportPath])
			}
		}
	}
	for dir := range t.users {
		slices.Sort(t.users[dir])
	}
	return t, nil
}

// try runs the tests on a change, or only the tests of the changed package if own is set. The outcome is empty if
// the change does not compile.
func (t *tree) try(ctx context.Context, s Site, own bool) (result, error) {
	r := result{Site: s}
	overlay, err := t.overlay(s)
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(filepath.Dir(overlay))
	dir := filepath.Dir(s.File)
	if out, err := t.command(ctx, overlay, "build", "./"+dir); err != nil {
		if strings.Contains(out, "overlay") {
			return r, fmt.Errorf("go build: %s", out)
		}
		return r, nil
	}
	for i, dirs := range t.stages(dir, own) {
		if len(dirs) == 0 {
			continue
		}
		args := []string{"test", "-vet=off", "-failfast", "-timeout", "5m", "-p", "1"}
		for _, d := range dirs {
			args = append(args, "./"+d)
		}
		out, err := t.command(ctx, overlay, args...)
		if err == nil {
			continue
		}
		r.Outcome, r.By = "others", failing(out)
		if i == 0 {
			r.Outcome = "own"
		}
		if strings.Contains(out, "panic: test timed out") || errors.Is(err, context.DeadlineExceeded) {
			r.Outcome = "timeout"
		}
		return r, ctx.Err()
	}
	r.Outcome = "survived"
	return r, ctx.Err()
}

// stages returns the packages whose tests may notice a change in dir, the cheapest first: the package itself,
// other libraries, commands. A stage is run only if the stages before it did not notice the change.
func (t *tree) stages(dir string, own bool) [][]string {
	stages := [][]string{{dir}, nil, nil}
	if own {
		return stages
	}
	for _, user := range t.users[dir] {
		switch {
		case user == dir || within(user, []string{"benchmarks", "notebooks", "recipes"}):
		case within(user, []string{"cmd"}):
			stages[2] = append(stages[2], user)
		default:
			stages[1] = append(stages[1], user)
		}
	}
	return stages
}

// failing returns the name of the first test, or package, that failed.
func failing(out string) string {
	for _, mark := range []string{"--- FAIL: ", "FAIL\t", "panic: "} {
		if _, rest, ok := strings.Cut(out, mark); ok {
			return strings.Fields(rest + " ?")[0]
		}
	}
	return ""
}

// command runs the go command with a changed file. The go commands that tests run see it too.
func (t *tree) command(ctx context.Context, overlay string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = t.root
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// overlay writes the changed file, and the overlay file that points the go command to it.
func (t *tree) overlay(s Site) (string, error) {
	text, err := os.ReadFile(s.File)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, filepath.Base(s.File))
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(t.root, s.File): changed}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, errors.Join(
		os.WriteFile(changed, slices.Concat(text[:s.From], []byte(s.Text), text[s.To:]), 0o666),
		os.WriteFile(name, replaced, 0o666))
}
