package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A Site is one small change of a file: the bytes [From, To) are replaced by Text.
type Site struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Change string `json:"change"` // for people
	From   int    `json:"from"`
	To     int    `json:"to"`
	Text   string `json:"text"`
}

func (s Site) key() string { return fmt.Sprintf("%s:%d-%d %s", s.File, s.From, s.To, s.Text) }

// swapped maps operators to the ones that replace them.
var swapped = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN, token.MUL_ASSIGN: token.QUO_ASSIGN,
	token.QUO_ASSIGN: token.MUL_ASSIGN, token.INC: token.DEC, token.DEC: token.INC,
}

// Sites lists the small changes that can be made to a Go file: operators swapped, numbers one larger, conditions
// and booleans negated, errors not returned, and statements removed.
func Sites(file string) ([]Site, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	if ast.IsGenerated(f) {
		return nil, nil
	}
	m := marker{file: file, text: text, fset: fset}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		ast.Inspect(d, m.visit)
	}
	return m.sites, nil
}

// marker collects the sites of a file.
type marker struct {
	file  string
	text  []byte
	fset  *token.FileSet
	sites []Site
}

func (m *marker) offset(p token.Pos) int { return m.fset.Position(p).Offset }

// add records that the source between two positions may be replaced by text.
func (m *marker) add(from, to token.Pos, text string) {
	a, b := m.offset(from), m.offset(to)
	was := strings.Join(strings.Fields(string(m.text[a:b])), " ")
	change := fmt.Sprintf("%s → %s", was, cmp.Or(text, "nothing"))
	m.sites = append(m.sites, Site{m.file, m.fset.Position(from).Line, change, a, b, text})
}

// token records the replacement of an operator.
func (m *marker) token(at token.Pos, op token.Token) {
	if other, ok := swapped[op]; ok {
		m.add(at, at+token.Pos(len(op.String())), other.String())
	}
}

func (m *marker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		m.token(n.OpPos, n.Op)
	case *ast.IncDecStmt:
		m.token(n.TokPos, n.Tok)
	case *ast.AssignStmt:
		m.token(n.TokPos, n.Tok)
		if n.Tok != token.DEFINE {
			m.add(n.Pos(), n.End(), blank(n))
		}
	case *ast.IfStmt:
		m.add(n.Cond.Pos(), n.Cond.End(), "!("+string(m.text[m.offset(n.Cond.Pos()):m.offset(n.Cond.End())])+")")
	case *ast.UnaryExpr:
		if n.Op == token.SUB || n.Op == token.NOT {
			m.add(n.OpPos, n.OpPos+1, "")
		}
	case *ast.BasicLit:
		if n.Kind == token.INT {
			if v, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
				m.add(n.Pos(), n.End(), strconv.FormatInt(v+1, 10))
			}
		}
		if n.Kind == token.FLOAT {
			m.add(n.Pos(), n.End(), "2*"+n.Value)
		}
	case *ast.Ident:
		if n.Name == "true" || n.Name == "false" {
			m.add(n.Pos(), n.End(), strconv.FormatBool(n.Name == "false"))
		}
	case *ast.ReturnStmt:
		if k := len(n.Results); k > 0 {
			last := n.Results[k-1]
			if id, ok := last.(*ast.Ident); ok && id.Name == "err" {
				m.add(last.Pos(), last.End(), "nil")
			}
		}
	case *ast.ExprStmt:
		m.add(n.Pos(), n.End(), "")
	case *ast.DeferStmt:
		m.add(n.Pos(), n.End(), "")
	case *ast.BranchStmt:
		if n.Label == nil && (n.Tok == token.BREAK || n.Tok == token.CONTINUE) {
			m.add(n.Pos(), n.End(), "")
		}
	}
	return true
}

// blank returns what replaces a removed assignment: its right side is still used, since Go does not allow unused
// variables.
func blank(n *ast.AssignStmt) string {
	if len(n.Lhs) != 1 || len(n.Rhs) != 1 {
		return ""
	}
	if id, ok := n.Rhs[0].(*ast.Ident); ok && id.Name != "nil" {
		return "_ = " + id.Name
	}
	return ""
}

func sortSites(sites []Site) {
	slices.SortFunc(sites, func(a, b Site) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Text, b.Text))
	})
}
