package draw

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
)

// nodesOf declares a model, and its gradient if train is set.
func nodesOf(t testing.TB, name string, context int, train bool, options ...graph.Option) []graph.Node {
	t.Helper()
	m, err := models.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	s := graph.New(graph.NewParams(1), options...)
	loss := models.Loss(m, s, s.Ints("tokens", 1, context), s.Ints("targets", 1, context))
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if train {
		if _, err := s.CompileGrad(loss); err != nil {
			t.Fatal(err)
		}
	}
	return s.Nodes()
}

// TestModels: the pictures of real models are laid out correctly at every depth.
func TestModels(t *testing.T) {
	for _, c := range []struct {
		model   string
		train   bool
		options Options
	}{
		{"gpt2-nano", true, Options{}},
		{"gpt2-nano", false, Options{}},
		{"gpt2-nano", true, Options{Depth: 1, Open: []string{"h.0"}}},
		{"gpt2-nano", true, Options{Depth: 3}},
		{"gpt2-nano", true, Options{Depth: -1}},
		{"gpt1-nano", true, Options{}},
		{"openai-gpt", true, Options{}},
		{"gpt2", true, Options{}},
		{"gpt2", true, Options{Depth: 2}},
		{"gpt2-xl", true, Options{}},
		{"gpt2-xl", true, Options{Depth: 1}},
		{"gpt2-xl", true, Options{Depth: 1, Fold: true, Open: []string{"h.7.attn"}}},
	} {
		nodes := nodesOf(t, c.model, 64, c.train)
		g, err := c.options.grouped(nodes)
		if err != nil {
			t.Fatal(err)
		}
		check(t, fmt.Sprint(c.model, c.options), nodes, g, layOut(g))
	}
}

// TestRecomputed: the picture of a graph whose gradient recomputes blocks is laid out correctly too.
func TestRecomputed(t *testing.T) {
	nodes := nodesOf(t, "gpt2-nano", 64, true, graph.Recompute("h.*"))
	if !slices.ContainsFunc(nodes, func(n graph.Node) bool { return n.Op == "Attention again" }) {
		t.Fatal("nothing is computed again")
	}
	for _, o := range []Options{{}, {Depth: 1}, {Depth: -1}} {
		g, err := o.grouped(nodes)
		if err != nil {
			t.Fatal(err)
		}
		check(t, fmt.Sprint("recomputed, depth ", o.Depth), nodes, g, layOut(g))
	}
}

// TestOneBoxALayer: the training graph of gpt2-nano has a box for each layer, a box for each layer's
// gradient, and a box for the tied weight, which has two uses.
func TestOneBoxALayer(t *testing.T) {
	g, err := Options{}.grouped(nodesOf(t, "gpt2-nano", 64, true))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"wte.weight", "tokens", "targets", "wte", "wpe"}
	for i := range 4 {
		for _, l := range []string{"ln_1", "attn", "ln_2", "mlp"} {
			want = append(want, fmt.Sprintf("h.%d.%s", i, l))
		}
	}
	want = append(want, "ln_f", "lm_head")
	var forward, gradients []string
	for _, b := range g.boxes {
		if b.grad {
			gradients = append(gradients, b.key)
		} else {
			forward = append(forward, b.key)
		}
	}
	if !slices.Equal(forward, want) {
		t.Errorf("boxes %q\nwant %q", forward, want)
	}
	slices.Sort(gradients)
	layers := slices.Clone(want[3:])
	slices.Sort(layers)
	if !slices.Equal(gradients, layers) {
		t.Errorf("boxes of gradients %q\nwant %q", gradients, layers)
	}
	for _, v := range g.values {
		if v.from.kind == param && (v.from.key != "wte.weight" || len(v.to) != 2 || v.to[0].key != "wte" || v.to[1].key != "lm_head") {
			t.Errorf("%s has %d uses", v.from.key, len(v.to))
		}
	}
}

// TestFold: equal blocks are drawn as one box at any depth, unless they are opened.
func TestFold(t *testing.T) {
	nodes := nodesOf(t, "gpt2-nano", 64, true, graph.Remove("h.3.mlp.act"))
	bands := nodesOf(t, "gpt3-nano", 64, true)
	other := nodesOf(t, "gpt3-nano", 64, true, graph.Remove("h.3.mlp.act"))
	for _, c := range []struct {
		nodes   []graph.Node
		options Options
		want    []string
	}{
		{bands, Options{Depth: 1, Fold: true}, []string{"h.0 … h.3"}},
		{other, Options{Depth: 1, Fold: true}, []string{"h.0", "h.1", "h.2", "h.3"}},
		{nodes, Options{Depth: 1, Fold: true}, []string{"h.0 … h.2", "h.3"}},
		{nodes, Options{Depth: 2, Fold: true}, []string{"h.0 … h.2", "h.3.ln_1", "h.3.attn", "h.3.ln_2", "h.3.mlp"}},
		{nodes, Options{Depth: 1, Fold: true, Open: []string{"h.1.ln_1"}}, []string{"h.0", "h.1.ln_1", "h.1", "h.2", "h.3"}},
	} {
		g, err := c.options.grouped(c.nodes)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range g.boxes {
			if !b.grad && b.key[:2] == "h." {
				got = append(got, b.key)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %q, want %q", c.options, got, c.want)
		}
	}
}

// TestBesideItsLayer: a layer and its gradient are in the same row.
func TestBesideItsLayer(t *testing.T) {
	g, err := Options{}.grouped(nodesOf(t, "gpt2-nano", 64, true))
	if err != nil {
		t.Fatal(err)
	}
	layOut(g)
	rows := make(map[string]int)
	for _, b := range g.boxes {
		if !b.grad {
			rows[b.key] = b.row
		} else if b.row != rows[b.key] {
			t.Errorf("%s is in row %d, its gradient in %d", b.key, rows[b.key], b.row)
		}
	}
}

// TestRandom: random graphs are laid out correctly.
func TestRandom(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		nodes := randomGraph(rand.New(rand.NewPCG(seed, 0)))
		for _, o := range []Options{{}, {Depth: 1}, {Depth: -1}, {Depth: 2, Fold: true}} {
			g, err := o.grouped(nodes)
			if err != nil {
				t.Fatal(err)
			}
			check(t, fmt.Sprintf("seed %d, depth %d", seed, o.Depth), nodes, g, layOut(g))
			if t.Failed() {
				return
			}
		}
	}
}

// randomGraph returns a graph of inputs, parameters, nodes that read any earlier nodes, and gradients.
func randomGraph(random *rand.Rand) []graph.Node {
	n := 3 + random.IntN(40)
	gradients := n
	if random.IntN(2) == 0 {
		gradients = n/2 + 1
	}
	nodes := make([]graph.Node, n)
	for i := range nodes {
		d := graph.Node{ID: i, Path: fmt.Sprintf("h.%d.%c.%c", random.IntN(3), 'a'+random.IntN(3), 'x'+random.IntN(2)), Op: "Op", Shape: tensor.Shape{1 + random.IntN(2000)}, FLOPs: int64(random.IntN(1e6))}
		switch kind := random.IntN(6); {
		case i == 0 || i < gradients && kind == 0:
			d.Op, d.Path, d.FLOPs = "input", fmt.Sprint("in", i), 0
		case i < gradients && kind == 1:
			d.Op, d.Path, d.FLOPs, d.Params = "param", d.Path+fmt.Sprint(".w", i), 0, 7
		default:
			d.Grad = i >= gradients
			for range 1 + random.IntN(3) {
				// Mostly recent nodes, as in layers.
				in := max(0, i-1-int(random.ExpFloat64()*4))
				if !slices.Contains(d.Inputs, in) {
					d.Inputs = append(d.Inputs, in)
				}
			}
		}
		nodes[i] = d
	}
	return nodes
}

// check fails unless the boxes hold the whole graph, arrows lead from a node to the nodes that read it, no
// box overlaps another or a line, and all texts fit.
func check(t *testing.T, name string, nodes []graph.Node, g *grouping, d *drawing) {
	t.Helper()
	checkContent(t, name, nodes, g)
	for i, b := range d.boxes {
		if b.x < 0 || b.y < header || b.x+b.w > d.width || b.y+b.h > d.height {
			t.Errorf("%s: %s is outside", name, b.title())
		}
		text := textWidth(b.title(), titleSize) + textWidth(b.detailOf(g), smallSize) + textWidth(b.figures(), smallSize) + 2*padding
		if text > b.w {
			t.Errorf("%s: %s has texts of %.0f in a box of %.0f", name, b.title(), text, b.w)
		}
		for _, o := range d.boxes[:i] {
			if b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h {
				t.Errorf("%s: %s lies over %s", name, b.title(), o.title())
			}
		}
		for _, p := range b.preds {
			if p.grad == b.grad && (p.row < b.row) == b.grad {
				t.Errorf("%s: %s in row %d reads %s in row %d", name, b.title(), b.row, p.title(), p.row)
			}
		}
	}
	checkLines(t, name, d)
}

// checkContent compares the boxes' contents with the graph.
func checkContent(t *testing.T, name string, nodes []graph.Node, g *grouping) {
	t.Helper()
	var params, flops int64
	place := make(map[*box]int)
	holds := make(map[int]*box)
	for i, b := range g.boxes {
		place[b] = i
		params += b.params
		flops += b.flops
		for _, id := range b.nodes {
			if holds[id] != nil {
				t.Errorf("%s: node %d is in two boxes", name, id)
			}
			holds[id] = b
		}
	}
	for _, b := range g.boxes {
		for _, p := range b.preds {
			if place[p] >= place[b] {
				t.Errorf("%s: %s comes before %s, which it reads", name, b.title(), p.title())
			}
		}
	}
	if total := graph.Sum(nodes); params != total.Params || flops != total.FLOPs {
		t.Errorf("%s: boxes have %d weights and %d FLOPs, the graph %d and %d", name, params, flops, total.Params, total.FLOPs)
	}
	for id, n := range nodes {
		for _, in := range n.Inputs {
			from, to := holds[in], holds[id]
			if from == nil || to == nil || from == to || from.kind == param && to.grad {
				continue
			}
			if !slices.ContainsFunc(g.values, func(v *value) bool { return v.node == in && slices.Contains(v.to, to) }) {
				t.Errorf("%s: no arrow for what node %d reads of %d", name, id, in)
			}
		}
	}
}

// segment is a straight piece of a line.
type segment struct {
	x0, y0, x1, y1 float64
	net            int
}

func checkLines(t *testing.T, name string, d *drawing) {
	t.Helper()
	var all []segment
	for _, l := range d.lines {
		for i, p := range l.points[1:] {
			q := l.points[i]
			s := segment{min(p[0], q[0]), min(p[1], q[1]), max(p[0], q[0]), max(p[1], q[1]), l.net}
			if s.x0 != s.x1 && s.y0 != s.y1 {
				t.Errorf("%s: a line is not straight: %v", name, s)
			}
			if s.x0 < 0 || s.y0 < 0 || s.x1 > d.width || s.y1 > d.height {
				t.Errorf("%s: a line leaves the picture: %v", name, s)
			}
			all = append(all, s)
		}
	}
	for i, s := range all {
		for _, b := range d.boxes {
			if s.x1 > b.x && s.x0 < b.x+b.w && s.y1 > b.y && s.y0 < b.y+b.h {
				t.Errorf("%s: a line runs over %s: %v", name, b.title(), s)
			}
		}
		for _, o := range all[:i] {
			if s.net == o.net {
				continue
			}
			along := s.x0 == s.x1 && o.x0 == s.x0 && o.x1 == s.x0 && s.y0 < o.y1 && o.y0 < s.y1 ||
				s.y0 == s.y1 && o.y0 == s.y0 && o.y1 == s.y0 && s.x0 < o.x1 && o.x0 < s.x1
			if along {
				t.Errorf("%s: two arrows run along each other: %v %v", name, s, o)
			}
		}
	}
	for i, l := range d.labels {
		for _, o := range d.labels[:i] {
			if l.overlaps(o) {
				t.Errorf("%s: label %s lies over %s", name, l.text, o.text)
			}
		}
		right, top := l.x+textWidth(l.text, labelSize), l.y-labelSize
		for _, b := range d.boxes {
			if l.x < b.x+b.w && b.x < right && top+2 < b.y+b.h && b.y < l.y {
				t.Errorf("%s: label %s lies over %s", name, l.text, b.title())
			}
		}
	}
}
