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

// Heat is an [Observer] that draws, over the steps, the vectors that layers report, such as the
// loads of experts. Vectors whose names end alike, such as h.0.mlp.load and h.1.mlp.load, share one
// picture, load.png. It has a map for each layer, with a row for each element and a column for each
// span of steps, which shows the mean over that span. The pictures are redrawn at each evaluation.
type Heat struct {
	dir  string
	maps map[string]*heat // by name
}

// heat holds the means of a vector over spans of equally many steps.
type heat struct {
	first, last int // steps
	span        int // number of steps in each span but the last
	sums        [][]float64
	counts      []int
}

// heatColumns is the largest number of spans that are drawn.
const heatColumns = 20

// NewHeat returns an observer that draws into a directory. For a resumed run, [Replay] the metrics
// so far into it first.
func NewHeat(dir string) *Heat { return &Heat{dir: dir, maps: make(map[string]*heat)} }

// OnStep records the vectors of a step.
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

// add adds the vector of a step. When there are too many spans, adjacent ones are merged in pairs.
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

// OnEvaluation draws the pictures.
func (h *Heat) OnEvaluation(Evaluation) error { return h.Draw() }

// Draw writes the pictures of the steps so far, if there is anything to draw.
func (h *Heat) Draw() error {
	pictures := make(map[string][]string) // the names in each picture
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
		if last == "loss" { // the name of Plot's picture
			file = "loss-map.png"
		}
		if err := chart.Heatmaps(title, grids...).Save(filepath.Join(h.dir, file)); err != nil {
			return err
		}
	}
	return nil
}

// grid returns a map with a row for each element, and a column for each span.
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
