package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// TestBindings: what a cell can use is bound; what gomacro cannot use is left out.
func TestBindings(t *testing.T) {
	const src = `package p

const Big = 1 << 40
const Typed int32 = 3

var Var string

func Plain(xs ...int) (int, error) { return 0, nil }
func Generic[T any](x T) T         { return x }
func hidden()                      {}

type Struct struct{ X int }
type List[T any] []T
type Ints = List[int]
type Number interface{ ~int | ~float64 }
type Walker interface{ Walk(to string, by ...int) (n int, err error) }
type Sealed interface{ seal() }
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.Default()}
	pkg, err := config.Check("example.com/p", fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := newBindings(pkg).source()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		`"Big": "int:1099511627776"`, `"Typed": reflect.ValueOf(p0.Typed)`, `"Var": reflect.ValueOf(&p0.Var).Elem()`,
		`"Plain": reflect.ValueOf(p0.Plain)`, `"Struct": reflect.TypeFor[p0.Struct]()`, `"Ints": reflect.TypeFor[p0.Ints]()`,
		`Walk_ func(object any, a0 string, a1 ...int) (int, error)`, `return p.Walk_(p.Object, a0, a1...)`,
		`"Sealed": reflect.TypeFor[p0.Sealed]()`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	for _, not := range []string{"Generic", "hidden", `"List"`, "Number", "proxyP0Sealed"} {
		if strings.Contains(got, not) {
			t.Errorf("%s is in\n%s", not, text)
		}
	}
}
