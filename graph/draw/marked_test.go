package draw_test

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/graph/draw"
	"github.com/gorgpt/gorgpt/ops"
)

// TestMarked: a marked picture differs from the plain one only by its marks, which name the nodes of each box.
func TestMarked(t *testing.T) {
	nodes, other := tiny(t), tiny(t, graph.Replace("h.*.mlp.act", ops.ReLU))
	for name, picture := range map[string]func(o draw.Options) ([]byte, error){
		"one": func(o draw.Options) ([]byte, error) { return draw.SVG(nodes, o) },
		"two": func(o draw.Options) ([]byte, error) { return draw.DiffSVG(nodes, other, o) },
	} {
		plain, err := picture(draw.Options{Depth: 2})
		if err != nil {
			t.Fatal(err)
		}
		marked, err := picture(draw.Options{Depth: 2, Marked: true})
		if err != nil {
			t.Fatal(err)
		}
		marks := regexp.MustCompile(` (class|data-scope|data-nodes|data-graph)="[^"]*"`)
		if got := marks.ReplaceAllString(string(marked), ""); got != string(plain) {
			t.Errorf("%s: the marks change the picture:\n%s", name, got)
		}
		boxes := 0
		for d := xml.NewDecoder(strings.NewReader(string(marked))); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			start, is := token.(xml.StartElement)
			if !is || start.Name.Local != "g" || len(start.Attr) < 3 {
				continue
			}
			boxes++
			scope := start.Attr[1].Value
			whose := nodes
			if name == "two" {
				whose = map[string][]graph.Node{"0": nodes, "1": other}[start.Attr[3].Value]
			}
			for _, text := range strings.Split(start.Attr[2].Value, ",") {
				id, err := strconv.Atoi(text)
				if err != nil || id >= len(whose) {
					t.Fatalf("%s: node %q of a box %s", name, text, scope)
				}
				if at := whose[id].Path; !strings.HasPrefix(at, scope) {
					t.Errorf("%s: node %d of %s is in the box %s", name, id, at, scope)
				}
			}
		}
		if boxes < 5 {
			t.Errorf("%s: %d marked boxes", name, boxes)
		}
	}
}

// TestOpenOfOne: a scope that only one of two graphs has can be opened; a scope that neither has is an error.
func TestOpenOfOne(t *testing.T) {
	nodes, other := tiny(t), tiny(t, graph.Remove("h.0.mlp"))
	picture, err := draw.DiffSVG(nodes, other, draw.Options{Depth: 1, Open: []string{"h.0.mlp"}, Marked: true})
	if err != nil || !strings.Contains(string(picture), `data-scope="h.0.mlp`) {
		t.Errorf("%v\n%s", err, picture)
	}
	if _, err := draw.DiffSVG(nodes, other, draw.Options{Depth: 1, Open: []string{"h.0.mlq"}}); err == nil || !strings.Contains(err.Error(), `unknown scope "h.0.mlq"`) {
		t.Errorf("error %v", err)
	}
}
