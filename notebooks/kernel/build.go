package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// goMod is the go.mod of the module that is built: %[1]s is this repository's module, and %[2]q is its folder.
// The name of the module lets it import this repository's internal packages. With gomacro of 2022, which
// gophernotes requires, a type declared in a cell cannot be an error; gomacro of 2024 requires an x/tools that Go
// no longer compiles. GoNB has the version that this module pins.
const goMod = `module %[1]s/kernel

go 1.26

require (
	%[1]s v0.0.0
	github.com/cosmos72/gomacro v0.0.0-20240506194242-2ff796e3da10
	github.com/gopherdata/gophernotes v0.7.5
	golang.org/x/tools v0.45.0
)

replace %[1]s => %[2]q
`

// goSum is what the go.sum of that module contains in addition to this module's. To regenerate it, delete its
// lines and build with GORGPT_KERNEL_SUM=write and, since the checksum database does not know this gomacro,
// GONOSUMDB=github.com/cosmos72/gomacro.
//
//go:embed kernel.sum
var goSum string

// added is the one file of the kernel's package main that is not part of gophernotes.
//
//go:embed added.go.txt
var added string

// others are packages of other modules that cells may import, in addition to those of Go 1.18, which gomacro
// knows.
var others = []string{"gorgonia.org/gorgonia", "gorgonia.org/tensor", "math/rand/v2"}

// builder builds kernels from a separate module in a temporary folder.
type builder struct {
	module, root string // this module, and its folder
	dir          string
	log          io.Writer
}

// newBuilder creates the module. close removes it.
func newBuilder(log io.Writer) (*builder, error) {
	b := &builder{log: log}
	out, err := b.goIn(".", "list", "-m", "-f", "{{.Path}}\n{{.Dir}}")
	if err != nil {
		return nil, err
	}
	b.module, b.root, _ = strings.Cut(strings.TrimSpace(out), "\n")
	if b.dir, err = os.MkdirTemp("", "gorgpt-kernel-"); err != nil {
		return nil, err
	}
	if err := b.lay(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *builder) close() { os.RemoveAll(b.dir) }

// lay writes go.mod, go.sum, the file added, and an overlay through which the go command sees the files of
// gophernotes next to them.
func (b *builder) lay() error {
	rootSum, err := os.ReadFile(filepath.Join(b.root, "go.sum"))
	if err != nil {
		return err
	}
	err = errors.Join(
		write(b.dir, "go.mod", fmt.Sprintf(goMod, b.module, b.root)),
		write(b.dir, "go.sum", string(rootSum)+goSum),
		write(b.dir, "added.go", added))
	if err != nil {
		return err
	}
	out, err := b.goIn(b.dir, "mod", "download", "-json", "github.com/gopherdata/gophernotes")
	if err != nil {
		return err
	}
	var gophernotes struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &gophernotes); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(gophernotes.Dir, "*.go"))
	if err != nil {
		return err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, file := range files {
		// Keys are relative to the build's folder: an absolute name fails if the temporary folder is a symbolic
		// link.
		overlay.Replace[filepath.Base(file)] = file
	}
	if overlay.Replace[kernelFile], err = b.changed(overlay.Replace[kernelFile]); err != nil {
		return err
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	return write(b.dir, "overlay.json", string(text))
}

// The one expression of gophernotes that is replaced. added.go keeps a reference to the interpreter, to interrupt
// its cells and to query the methods of their types.
const (
	kernelFile   = "kernel.go"
	wasNewInterp = "ir := interp.New()"
	newInterp    = "ir := newInterp()"
)

// changed writes gophernotes' file with that expression replaced and returns the name of the new file.
func (b *builder) changed(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), wasNewInterp); n != 1 {
		return "", fmt.Errorf("%s has %q %d times, want once: another gophernotes than this kernel knows", file, wasNewInterp, n)
	}
	const name = kernelFile + ".changed"
	return filepath.Join(b.dir, name), write(b.dir, name, strings.Replace(string(text), wasNewInterp, newInterp, 1))
}

// gophernotes builds the kernel "gorgpt" and installs it.
func (b *builder) gophernotes(jupyter string) error {
	list := `{{if and .GoFiles (ne .Name "main")}}{{.ImportPath}}{{end}}`
	out, err := b.goIn(b.root, "list", "-f", list, "./...")
	if err != nil {
		return err
	}
	public := slices.DeleteFunc(strings.Fields(out), internal)
	if err := b.bind(append(public, others...)); err != nil {
		return err
	}
	return b.install(filepath.Join(jupyter, "kernels", "gorgpt"), spec{
		Argv: []string{"{resource_dir}/kernel", "{connection_file}"}, Name: "Go (gorgpt)",
		Env: map[string]string{"GOPROXY": "off"}, // importing a package that is not linked in fails instead of fetching it
	}, b.module+"/kernel")
}

// gonb builds and installs GoNB, and goimports, which it runs.
func (b *builder) gonb(jupyter string) error {
	at, err := filepath.Abs(filepath.Join(jupyter, "kernels", "gonb"))
	if err != nil {
		return err
	}
	return b.install(at, spec{
		Argv: []string{"{resource_dir}/gonb", "--kernel", "{connection_file}", "--raw_error"}, Name: "Go (GoNB)",
		Env: map[string]string{"PATH": at + string(filepath.ListSeparator) + "${PATH}"},
	}, "github.com/janpfeifer/gonb", "golang.org/x/tools/cmd/goimports")
}

// spec is the contents of a kernel.json.
type spec struct {
	Argv     []string          `json:"argv"`
	Name     string            `json:"display_name"`
	Language string            `json:"language"`
	Env      map[string]string `json:"env,omitempty"`
}

// install builds packages into the folder at and writes a kernel.json next to the binaries.
func (b *builder) install(at string, s spec, packages ...string) error {
	at, err := filepath.Abs(at)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(at, 0o777); err != nil {
		return err
	}
	fmt.Fprintf(b.log, "building %s; the first time takes minutes\n", s.Name)
	args := []string{"build", "-mod=mod", "-trimpath", "-overlay", "overlay.json", "-o", at + string(filepath.Separator)}
	if _, err := b.goIn(b.dir, append(args, packages...)...); err != nil {
		return err
	}
	if os.Getenv("GORGPT_KERNEL_SUM") == "write" {
		if err := b.updateSum(); err != nil {
			return err
		}
	}
	s.Language = "go"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := write(at, "kernel.json", string(text)+"\n"); err != nil {
		return err
	}
	fmt.Fprintf(b.log, "installed %s in %s\n", s.Name, at)
	return nil
}

// updateSum writes to kernel.sum the lines of the built module's go.sum that this module's go.sum does not have.
func (b *builder) updateSum() error {
	have, err := os.ReadFile(filepath.Join(b.root, "go.sum"))
	if err != nil {
		return err
	}
	all, err := os.ReadFile(filepath.Join(b.dir, "go.sum"))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(have)) {
		known[line] = true
	}
	var lacking strings.Builder
	for line := range strings.Lines(string(all)) {
		if !known[line] {
			lacking.WriteString(line)
		}
	}
	return write(filepath.Join(b.root, "notebooks", "kernel"), "kernel.sum", lacking.String())
}

// goIn runs the go command in a folder and returns what it prints. Without cgo, the kernel needs no C compiler,
// and gomacro cannot import packages that are not linked in, which it would do by building a plugin.
func (b *builder) goIn(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	cmd.Stderr = b.log
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return string(out), nil
}

func write(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)
}

// internal reports whether a package can be imported only by this module.
func internal(path string) bool { return strings.Contains("/"+path+"/", "/internal/") }

// userData returns the folder for a user's Jupyter data.
func userData() string {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir()
	switch dir := os.Getenv("XDG_DATA_HOME"); {
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Jupyter")
	case dir != "":
		return filepath.Join(dir, "jupyter")
	}
	return filepath.Join(home, ".local", "share", "jupyter")
}
