package datasets

import (
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// goTable is the size in bytes from which a .go file is a table rather than
// text: the zipped time zones (1.4 MB) and the points of P-256 (0.5 MB).
const goTable = 500_000

// goSource returns the source of the Go standard library: the .go files under
// GOROOT/src except the commands (src/cmd), vendored code, test data and
// tables.
func goSource() (*Source, error) {
	root, err := goRoot()
	if err != nil {
		return nil, err
	}
	src := filepath.Join(root, "src")
	const remedy = "; install Go from https://go.dev/dl or name a file or folder"
	if _, err := os.Stat(src); err != nil {
		return nil, fmt.Errorf("go: %s has no src folder: this Go came without its source%s", root, remedy)
	}
	c := collection{opening: opening{field: "text"}}
	err = c.addFolder(src, "", func(name string, d fs.DirEntry) bool {
		if d.IsDir() {
			base := d.Name()
			return name != "cmd" && base != "testdata" && base != "vendor"
		}
		if path.Ext(name) != ".go" {
			return false
		}
		info, err := d.Info()
		return err == nil && info.Size() < goTable
	})
	if err != nil {
		return nil, err
	}
	if len(c.docs) == 0 {
		return nil, fmt.Errorf("go: no .go files in %s%s", src, remedy)
	}
	return newSource(goVersion(root)+" standard library", "file", c.docs), nil
}

// goRoot returns the GOROOT of the environment, else that of the go command,
// else that of the toolchain that built this program.
func goRoot() (string, error) {
	if root := os.Getenv("GOROOT"); root != "" {
		return root, nil
	}
	cmd := exec.Command("go", "env", "GOROOT")
	// A go.mod here must not make the command fetch another toolchain.
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GO111MODULE=off")
	out, err := cmd.Output()
	if root := strings.TrimSpace(string(out)); err == nil && root != "" {
		return root, nil
	}
	if root := build.Default.GOROOT; root != "" {
		return root, nil
	}
	return "", errors.New("go: no Go toolchain found; install Go from https://go.dev/dl or name a file or folder")
}

// goVersion returns the toolchain's version, as in "Go 1.26.8", or "Go" if it
// is unknown.
func goVersion(root string) string {
	b, err := os.ReadFile(filepath.Join(root, "VERSION"))
	line, _, _ := strings.Cut(string(b), "\n")
	version, ok := strings.CutPrefix(strings.TrimSpace(line), "go")
	if err != nil || !ok {
		return "Go"
	}
	return "Go " + version
}
