package eval_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// all has every field of Options set.
var all = eval.Options{
	Stride: 3, FullLast: true, BOS: true, Documents: true, Words: "split", Detokenizer: "ptb", StopWords: true, Normalizer: "bytes", Shots: 2,
	Examples: "examples", Draw: "first", Separator: "--", Stop: "stop", Seed: 5, Limit: 9, References: "references", Template: "tldr", Tokens: 11,
	Protocol: "harness", Verbalizers: []string{"a", "b"}, Languages: []string{"English", "German"}, Show: 3, Beams: 4, LengthPenalty: 0.7,
}

// TestHeeds: a measurement is changed by the options that it says it heeds, and by no others.
func TestHeeds(t *testing.T) {
	names := map[string]bool{}
	options := reflect.TypeOf(all)
	for _, n := range eval.All() {
		if n.Name == "" || n.About == "" || n.Data == "" || names[n.Name] {
			t.Errorf("%+v", n)
		}
		names[n.Name] = true
		if n.Optional != (n.Name == "golden") {
			t.Errorf("%s works without a file: %v", n.Name, n.Optional)
		}
		found, err := eval.Find(n.Name)
		if err != nil || found.Name != n.Name {
			t.Errorf("%s: found %s, %v", n.Name, found.Name, err)
		}
		for _, h := range n.Heeds {
			if _, ok := options.FieldByNameFunc(func(name string) bool { return strings.ToLower(name) == h }); !ok {
				t.Errorf("%s heeds %s, which is no option", n.Name, h)
			}
		}
		for i := range options.NumField() {
			field := options.Field(i).Name
			// Each option is set alone: it must change the fields (except functions) of a measurement that heeds it.
			one := reflect.New(options).Elem()
			one.Field(i).Set(reflect.ValueOf(all).Field(i))
			if n.Name == "summarize" && field == "Template" { // tldr is its default
				one.Field(i).SetString("plain")
			}
			plain, set := describe(n.New(eval.Options{})), describe(n.New(one.Interface().(eval.Options)))
			if field == "References" {
				continue // it also changes what is read, which no field shows
			}
			if changes, heeds := plain != set, slices.Contains(n.Heeds, strings.ToLower(field)); changes != heeds {
				t.Errorf("%s: %s changes it: %v; it heeds it: %v", n.Name, field, changes, heeds)
			}
		}
	}
	if len(names) < 15 || names["lambda"] {
		t.Errorf("%d measurements", len(names))
	}
}

// describe writes a measurement's settings without its functions.
func describe(e eval.Evaluator) string {
	var b strings.Builder
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() != reflect.Func {
			fmt.Fprintf(&b, "%s %+v\n", v.Type().Field(i).Name, f)
		}
	}
	return b.String()
}

// TestDefaults checks the defaults of options that are not set.
func TestDefaults(t *testing.T) {
	for name, want := range map[string]struct {
		metric, template string
		tokens           int
	}{"qa": {"f1", "plain", 32}, "summarize": {"rougeL", "tldr", 100}, "translate": {"bleu", "equals", 60}} {
		n, err := eval.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		g := n.New(eval.Options{}).(eval.Generation)
		if g.Metric != want.metric || g.Template.Name != want.template || g.Tokens != want.tokens || len(g.Published) == 0 {
			t.Errorf("%s: %s, %s, %d tokens, %v", name, g.Metric, g.Template.Name, g.Tokens, g.Published)
		}
		g = n.New(eval.Options{Template: "equals", Tokens: 3}).(eval.Generation)
		if g.Template.Name != "equals" || g.Tokens != 3 {
			t.Errorf("%s: %s, %d tokens", name, g.Template.Name, g.Tokens)
		}
		// The measurement before does not change the defaults.
		if g = n.New(eval.Options{}).(eval.Generation); g.Template.Name != want.template {
			t.Errorf("%s after another: %s", name, g.Template.Name)
		}
	}
}
