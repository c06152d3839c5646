// Command notice writes NOTICE: the modules that are linked into gorgpt on any of the systems that it is released
// for, with their licenses as found in the module cache.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/internal/wholefile"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("notice: ")
	text, err := notice(".", "./cmd/gorgpt")
	if err == nil {
		err = wholefile.Write("NOTICE", text)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// systems are those that gorgpt is released for. The linked modules differ between them.
var systems = []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"}

// module is what the go command reports about a module.
type module struct {
	Path, Version, Dir string
	Main               bool
}

// notice returns the text for a command of the module in dir.
func notice(dir, command string) ([]byte, error) {
	modules, err := linked(dir, command)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("gorgpt is under the licence in LICENSE. Linked into it are the following modules and data,\n" +
		"each under the licence that follows its name. Made by go generate.\n")
	first := make(map[string]string) // license texts, and the names under which they were first included
	section := func(name string, files ...string) error {
		fmt.Fprintf(&b, "\n%s\n%s\n", strings.Repeat("=", 80), name)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			licence := clean(text)
			if other, there := first[licence]; there {
				licence = "The same text, to the letter, as that of " + other + "."
			} else {
				first[licence] = name
			}
			fmt.Fprintf(&b, "\n%s\n", licence)
		}
		return nil
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	std := filepath.Join(strings.TrimSpace(string(root)), "LICENSE")
	err = errors.Join(
		section("The Go standard library and runtime", std),
		section("The merges of GPT-2's vocabulary", filepath.Join(dir, "tokenizer", "gpt2.merges.LICENSE")),
		section("The tokens of gpt-oss's vocabulary", filepath.Join(dir, "tokenizer", "o200k.merges.LICENSE")))
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		m := modules[path]
		files, err := licences(m.Dir)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s %s: no licence in %s", m.Path, m.Version, m.Dir)
		}
		if err := section(m.Path+" "+m.Version, files...); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// linked returns the modules of the packages that a command depends on, by path.
func linked(dir, command string) (map[string]module, error) {
	modules := make(map[string]module)
	for _, system := range systems {
		goos, arch, _ := strings.Cut(system, "/")
		cmd := exec.Command("go", "list", "-deps", "-json=Module", command)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", system, err)
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct{ Module *module }
			if err := d.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Module != nil && !p.Module.Main {
				modules[p.Module.Path] = *p.Module
			}
		}
	}
	return modules, nil
}

// licences lists the files of a module that concern its license.
func licences(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		for _, begin := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "PATENTS"} {
			if strings.HasPrefix(name, begin) && e.Type().IsRegular() && !strings.HasSuffix(name, ".GO") {
				files = append(files, filepath.Join(dir, e.Name()))
				break
			}
		}
	}
	return files, nil
}

// clean returns a text without spaces at the ends of its lines and without empty lines around it.
func clean(text []byte) string {
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\f")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
