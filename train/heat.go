package train

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/chart"
)

// Heat is an [Observer] that draws the vectors that layers report, such as the loads of experts, over the steps: of those
// whose names end alike, as in h.0.mlp.load and h.1.mlp.load, one picture load.png, with a map for each layer, which has a row
// for each element and as many columns as fit, each the mean of some steps. It draws anew at each evaluation.
type Heat struct {
	dir  string
	maps map[string]*heat // by name
}

// heat is the means of a vector over spans of steps of one length.
type heat struct {
	first, last int // steps
	span        int // steps of each but the last
	sums        [][]float64
	counts      []int
}

// heatColumns is the most spans that are drawn.
const heatColumns = 20

// NewHeat returns an observer that draws into a directory. For a run that goes on, [Replay] the metrics so far into it
// first.
func NewHeat(dir string) *Heat { return &Heat{dir: dir, maps: make(map[string]*heat)} }

// OnStep takes the vectors of a step.
func (h *Heat) OnStep(s Step) error {
	for name, x := range s.Vectors {
		m := h.maps[name]
		if m == nil {
			m = &heat{first: s.Step, span: 1}
			h.maps[name] = m
		}
		m.add(s.Step, x)
	}
	return nil
}

// add adds the vector of a step; where there are too many spans, each two become one.
func (m *heat) add(step int, x []float64) {
	for (step-m.first)/m.span >= heatColumns {
		m.span *= 2
		half := (len(m.sums) + 1) / 2
		for i := 1; i < len(m.sums); i++ {
			if m.counts[i/2] += m.counts[i]; i%2 == 0 {
				m.sums[i/2], m.counts[i/2] = m.sums[i], m.counts[i]
				continue
			}
			for e, v := range m.sums[i] {
				m.sums[i/2][e] += v
			}
		}
		m.sums, m.counts = m.sums[:half], m.counts[:half]
	}
	for len(m.sums) <= (step-m.first)/m.span {
		m.sums, m.counts = append(m.sums, make([]float64, len(x))), append(m.counts, 0)
	}
	last := len(m.sums) - 1
	for e, v := range x[:min(len(x), len(m.sums[last]))] {
		m.sums[last][e] += v
	}
	m.counts[last]++
	m.last = step
}

// OnEvaluation draws.
func (h *Heat) OnEvaluation(Evaluation) error { return h.Draw() }

// Draw writes the pictures as they stand now, if there is anything to draw.
func (h *Heat) Draw() error {
	pictures := make(map[string][]string) // the names in each
	for name := range h.maps {
		last := name[strings.LastIndexAny(name, "./")+1:]
		pictures[last] = append(pictures[last], name)
	}
	for _, last := range slices.Sorted(maps.Keys(pictures)) {
		names := pictures[last]
		slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		var grids []chart.Grid
		for _, name := range names {
			grids = append(grids, h.maps[name].grid(name))
		}
		m := h.maps[names[0]]
		title := fmt.Sprintf("%s, steps %d to %d from left to right", last, m.first, m.last)
		file := last + ".png"
		if last == "loss" { // which Plot's picture is called
			file = "loss-map.png"
		}
		if err := chart.Heatmaps(title, grids...).Save(filepath.Join(h.dir, file)); err != nil {
			return err
		}
	}
	return nil
}

// grid has a row for each element, and a column for each span.
func (m *heat) grid(title string) chart.Grid {
	g := chart.Grid{Title: title, Rows: len(m.sums[0]), Cols: len(m.sums)}
	for e := range g.Rows {
		g.RowNames = append(g.RowNames, fmt.Sprint(e))
		for i, sums := range m.sums {
			g.Values = append(g.Values, float32(sums[e]/float64(max(m.counts[i], 1))))
		}
	}
	return g
}
