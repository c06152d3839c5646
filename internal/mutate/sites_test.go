package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSites(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p.go")
	src := `package p

import "fmt"

func f(a, b int) (bool, error) {
	_, err := fmt.Println(a)
	if a < 3 {
		a += b
	}
	defer fmt.Print()
	return a == -b && true, err
}
`
	if err := os.WriteFile(file, []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	sites, err := Sites(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sites {
		got = append(got, s.Change)
		if src[s.From:s.To] == "" && s.Text == "" {
			t.Errorf("%+v changes nothing", s)
		}
	}
	for _, want := range []string{
		"< → <=", "3 → 4", "a < 3 → !(a < 3)", "+= → -=", "a += b → _ = b", "defer fmt.Print() → nothing",
		"== → !=", "- → nothing", "&& → ||", "true → false", "err → nil",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no change %q in %q", want, got)
		}
	}
}
