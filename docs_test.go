package gorgpt

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// packages are the packages that documents mention, by the names that documents use for them.
type packages struct {
	fset     *token.FileSet
	importer types.Importer
	paths    map[string]string // by name
}

// listPackages compiles this module's packages and lists them together with the packages that they import.
func listPackages(t *testing.T) *packages {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.Name}} {{.ImportPath}} {{.Export}}", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	p := &packages{fset: token.NewFileSet(), paths: map[string]string{"G": "gorgonia.org/gorgonia"}}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] == "main" {
			continue
		}
		exports[f[1]] = f[2]
		if strings.HasPrefix(f[1], "github.com/gorgpt/gorgpt/") || !strings.Contains(f[1], ".") && p.paths[f[0]] == "" && !strings.Contains(f[1], "internal") {
			p.paths[f[0]] = f[1]
		}
	}
	p.importer = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("%s is not imported by this module", path)
		}
		return os.Open(exports[path])
	})
	return p
}

// scattered matches errors of a snippet that is compiled on its own, because what it uses is declared elsewhere.
var scattered = regexp.MustCompile(`^(undefined: [^.]*$|declared and not used|.* imported|missing return|too many return values|not enough return values|no new variables|.* redeclared|\tother declaration|could not import example.com|invalid use of '_')`)

// check type-checks pieces of Go, each declarations or statements, as one package. It returns the errors that do
// not match ignore.
func (p *packages) check(name string, pieces []string, ignore *regexp.Regexp) (errs []error) {
	p = p.with(pieces)
	var files []*ast.File
	for i, piece := range pieces {
		f, err := p.parse(fmt.Sprintf("%s, piece %d", name, i+1), i, piece)
		if err != nil {
			return []error{err}
		}
		files = append(files, f)
	}
	config := types.Config{Importer: p.importer, Error: func(err error) {
		if !ignore.MatchString(err.(types.Error).Msg) {
			errs = append(errs, err)
		}
	}}
	_, _ = config.Check("piece", p.fset, files, nil)
	return errs
}

// with returns packages in which the imports of the pieces replace packages of the same name.
func (p *packages) with(pieces []string) *packages {
	paths := maps.Clone(p.paths)
	for _, piece := range pieces {
		for _, line := range importPath.FindAllStringSubmatch(importLine.FindString(piece), -1) {
			short := line[1]
			if short == "" {
				short = path.Base(line[2])
			}
			if paths[short] != "" {
				paths[short] = line[2]
			}
		}
	}
	return &packages{p.fset, p.importer, paths}
}

var importPath = regexp.MustCompile(`(?m)^\s*(\w*) *"([^"]+)"$`)

var importLine = regexp.MustCompile(`(?s)^import \(.*?\n\)`)

// parse makes a file of a piece, with the imports that it needs.
func (p *packages) parse(name string, number int, piece string) (*ast.File, error) {
	if strings.HasPrefix(piece, "package") {
		return parser.ParseFile(p.fset, name, "//line "+name+":1\n"+piece, parser.SkipObjectResolution)
	}
	piece = importLine.ReplaceAllString(piece, "") // imports are added by name, below
	var imports strings.Builder
	for _, short := range slices.Sorted(func(yield func(string) bool) {
		for short := range p.paths {
			if regexp.MustCompile(`\b`+short+`\.[A-Z]`).MatchString(piece) && !yield(short) {
				return
			}
		}
	}) {
		fmt.Fprintf(&imports, "import %s %q;", short, p.paths[short])
	}
	head := "package piece;" + imports.String()
	f, err := parser.ParseFile(p.fset, name, head+piece, parser.SkipObjectResolution)
	if err != nil { // statements
		f, err = parser.ParseFile(p.fset, name, fmt.Sprintf("%sfunc _() {%s\n}", head, piece), parser.SkipObjectResolution)
	}
	return f, err
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestSnippets: the Go code in documents compiles, except for what is declared elsewhere.
func TestSnippets(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles all packages")
	}
	p := listPackages(t)
	for _, name := range documents(t) {
		for _, block := range goBlock.FindAllStringSubmatch(readFile(t, name), -1) {
			if strings.Contains(block[1], "{ … }") {
				continue // an outline
			}
			for _, err := range p.check(name, []string{block[1]}, scattered) {
				t.Error(err)
			}
		}
	}
}

// TestCells: the cells of each notebook compile together. notebooks/kernel tests whether they run.
func TestCells(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles all packages")
	}
	p := listPackages(t)
	notebooks, err := filepath.Glob("notebooks/*.ipynb")
	if err != nil || len(notebooks) == 0 {
		t.Fatal("no notebooks", err)
	}
	for _, name := range notebooks {
		var notebook struct {
			Cells []struct {
				Type   string `json:"cell_type"`
				Source []string
			}
		}
		if err := json.Unmarshal([]byte(readFile(t, name)), &notebook); err != nil {
			t.Fatal(err)
		}
		var cells []string
		for _, c := range notebook.Cells {
			if c.Type == "code" {
				cells = append(cells, strings.Join(c.Source, ""))
			}
		}
		for _, err := range p.check(name, cells, regexp.MustCompile(`imported and not used`)) {
			t.Error(err)
		}
	}
}

var qualified = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)`)

// TestNames: names that documents qualify with one of our packages exist.
func TestNames(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles all packages")
	}
	p := listPackages(t)
	for _, name := range documents(t) {
		for _, m := range qualified.FindAllStringSubmatch(readFile(t, name), -1) {
			at := p.paths[m[1]]
			if !strings.HasPrefix(at, "github.com/gorgpt/") || path.Base(at) != m[1] {
				continue
			}
			pkg, err := p.importer.Import(at)
			if err != nil {
				t.Fatal(err)
			}
			if pkg.Scope().Lookup(m[2]) == nil {
				t.Errorf("%s: %s does not exist", name, m[0])
			}
		}
	}
}

// documents are the pages that describe the current state; CHANGELOG.md describes earlier ones.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	return append(names, "README.md", "recipes/README.md", "benchmarks/README.md")
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	fenced = regexp.MustCompile("(?ms)^```.*?^```")
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	title  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	marks  = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
)

// TestLinks: local links in documents lead to existing files, and to existing headings in them.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("recipes/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "notebooks/README.md", "examples/mymodel/README.md")
	for _, name := range append(pages, documents(t)...) {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(readFile(t, name), ""), -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			to := name
			if file != "" {
				to = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s does not exist", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(readFile(t, to)), anchor) {
				t.Errorf("%s: %s has no such heading", name, m[1])
			}
		}
	}
}

// anchors are the names by which GitHub links to the headings of a page.
func anchors(page string) (all []string) {
	for _, m := range title.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		all = append(all, strings.ReplaceAll(marks.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}
