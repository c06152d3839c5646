package main

import (
	"bytes"
	"fmt"
	"go/constant"
	"go/format"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bind writes a package named bindings into the module, which tells gomacro about the packages at paths what its
// own "import" would find out, except for generic functions and types, which it cannot use.
func (b *builder) bind(paths []string) error {
	dir := b.dir
	out, err := b.goIn(dir, slices.Concat([]string{"list", "-mod=mod", "-trimpath", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, paths)...)
	if err != nil {
		return err
	}
	exports := map[string]string{}
	for line := range strings.Lines(out) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		exports[path] = file
	}
	imp := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	if err := os.MkdirAll(filepath.Join(dir, "bindings"), 0o777); err != nil {
		return err
	}
	for i, path := range paths {
		pkg, err := imp.Import(path)
		if err != nil {
			return err
		}
		src, err := newBindings(pkg).source()
		if err != nil {
			return fmt.Errorf("bindings of %s: %w", path, err)
		}
		if err := os.WriteFile(filepath.Join(dir, "bindings", fmt.Sprintf("bind%d.go", i)), src, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// bindings collects the source of one package's bindings.
type bindings struct {
	pkg                                    *types.Package
	imports                                map[string]string // from import paths to names in the source
	binds, types, proxies, untypeds, decls bytes.Buffer
}

func newBindings(pkg *types.Package) *bindings {
	return &bindings{pkg: pkg, imports: map[string]string{}}
}

// name is a types.Qualifier that remembers what to import.
func (b *bindings) name(p *types.Package) string {
	if b.imports[p.Path()] == "" {
		b.imports[p.Path()] = fmt.Sprintf("%s%d", p.Name(), len(b.imports))
	}
	return b.imports[p.Path()]
}

func (b *bindings) source() ([]byte, error) {
	for _, name := range b.pkg.Scope().Names() {
		if obj := b.pkg.Scope().Lookup(name); obj.Exported() && !generic(obj.Type()) {
			b.object(obj)
		}
	}
	var src bytes.Buffer
	fmt.Fprintf(&src, "package bindings\n\nimport (\n\"reflect\"\n\"github.com/cosmos72/gomacro/imports\"\n")
	for path, name := range b.imports {
		fmt.Fprintf(&src, "%s %q\n", name, path)
	}
	fmt.Fprintf(&src, ")\n\nfunc init() {\nimports.Packages[%q] = imports.Package{\nName: %q,\n", b.pkg.Path(), b.pkg.Name())
	fmt.Fprintf(&src, "Binds: map[string]reflect.Value{\n%s},\nTypes: map[string]reflect.Type{\n%s},\n", &b.binds, &b.types)
	fmt.Fprintf(&src, "Proxies: map[string]reflect.Type{\n%s},\nUntypeds: map[string]string{\n%s},\n}\n}\n", &b.proxies, &b.untypeds)
	src.Write(b.decls.Bytes())
	return format.Source(src.Bytes())
}

func (b *bindings) object(obj types.Object) {
	name := obj.Name()
	id := func() string { return b.name(b.pkg) + "." + name }
	switch obj := obj.(type) {
	case *types.Const:
		if t, ok := obj.Type().(*types.Basic); ok && t.Info()&types.IsUntyped != 0 {
			fmt.Fprintf(&b.untypeds, "%q: %q,\n", name, untyped(t.Kind(), obj.Val()))
			fmt.Fprintf(&b.binds, "%q: {},\n", name) // gomacro takes the name from here and the value from Untypeds
		} else {
			fmt.Fprintf(&b.binds, "%q: reflect.ValueOf(%s),\n", name, id())
		}
	case *types.Var:
		fmt.Fprintf(&b.binds, "%q: reflect.ValueOf(&%s).Elem(),\n", name, id())
	case *types.Func:
		fmt.Fprintf(&b.binds, "%q: reflect.ValueOf(%s),\n", name, id())
	case *types.TypeName:
		fmt.Fprintf(&b.types, "%q: reflect.TypeFor[%s](),\n", name, id())
		if t, ok := obj.Type().Underlying().(*types.Interface); ok && t.NumMethods() > 0 && nameable(t) {
			b.proxy(name, t)
		}
	}
}

// proxy writes a struct type through which a type declared in a cell implements the interface t. It has a field
// for the value and, for each method, a field with the function to call.
func (b *bindings) proxy(name string, t *types.Interface) {
	proxy := "proxy" + strings.ToUpper(b.name(b.pkg)) + name
	fmt.Fprintf(&b.proxies, "%q: reflect.TypeFor[%s](),\n", name, proxy)
	fmt.Fprintf(&b.decls, "\ntype %s struct {\nObject any\n", proxy)
	var methods bytes.Buffer
	for m := range t.Methods() {
		sig := m.Signature()
		var params []*types.Var
		args := []string{"p.Object"}
		for i := range sig.Params().Len() {
			arg := fmt.Sprintf("a%d", i)
			params = append(params, types.NewVar(0, nil, arg, sig.Params().At(i).Type()))
			args = append(args, arg)
		}
		if sig.Variadic() {
			args[len(args)-1] += "..."
		}
		var results []*types.Var // without names, which could clash with those of the parameters
		for v := range sig.Results().Variables() {
			results = append(results, types.NewVar(0, nil, "", v.Type()))
		}
		write := func(params ...*types.Var) string {
			s := types.NewSignatureType(nil, nil, nil, types.NewTuple(params...), types.NewTuple(results...), sig.Variadic())
			return strings.TrimPrefix(types.TypeString(s, b.name), "func")
		}
		object := types.NewVar(0, nil, "object", types.Universe.Lookup("any").Type())
		fmt.Fprintf(&b.decls, "%s_ func%s\n", m.Name(), write(append([]*types.Var{object}, params...)...))
		ret := ""
		if len(results) > 0 {
			ret = "return "
		}
		fmt.Fprintf(&methods, "func (p *%s) %s%s { %sp.%[2]s_(%[5]s) }\n", proxy, m.Name(), write(params...), ret, strings.Join(args, ", "))
	}
	fmt.Fprintf(&b.decls, "}\n\n%s", &methods)
}

// untyped writes a constant as gomacro reads it, with full precision.
func untyped(kind types.BasicKind, v constant.Value) string {
	switch kind {
	case types.UntypedBool:
		return "bool:" + v.ExactString()
	case types.UntypedInt:
		return "int:" + v.ExactString()
	case types.UntypedRune:
		return "rune:" + v.ExactString()
	case types.UntypedFloat:
		return "float:" + v.ExactString()
	case types.UntypedString:
		return "string:" + constant.StringVal(v)
	default:
		return "complex:" + constant.Real(v).ExactString() + ":" + constant.Imag(v).ExactString()
	}
}

// generic reports whether t has type parameters or is a constraint interface.
func generic(t types.Type) bool {
	if i, ok := t.Underlying().(*types.Interface); ok && !i.IsMethodSet() {
		return true
	}
	switch t := t.(type) {
	case *types.Alias:
		return t.TypeParams().Len() > 0 || generic(t.Rhs())
	case *types.Named:
		return t.TypeParams().Len() > t.TypeArgs().Len()
	case *types.Signature:
		return t.TypeParams().Len() > 0
	}
	return false
}

// nameable reports whether another module can refer to t: every name in it is exported, and no package is
// internal.
func nameable(t types.Type) bool {
	switch t := t.(type) {
	case *types.Alias:
		return nameable(types.Unalias(t))
	case *types.Named:
		pkg := t.Obj().Pkg()
		if pkg != nil && (!t.Obj().Exported() || strings.Contains("/"+pkg.Path()+"/", "/internal/")) {
			return false
		}
		for arg := range t.TypeArgs().Types() {
			if !nameable(arg) {
				return false
			}
		}
	case *types.Map:
		return nameable(t.Key()) && nameable(t.Elem())
	case interface{ Elem() types.Type }: // pointer, slice, array, channel
		return nameable(t.Elem())
	case *types.Signature:
		return nameable(t.Params()) && nameable(t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			if !nameable(v.Type()) {
				return false
			}
		}
	case *types.Struct:
		for f := range t.Fields() {
			if !f.Exported() || !nameable(f.Type()) {
				return false
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			if !m.Exported() || !nameable(m.Type()) {
				return false
			}
		}
	}
	return true
}
