package draw

import (
	"cmp"
	"math"
	"slices"
)

// The layout has two lanes: forward computation goes down the first, and its gradient goes up the second. A
// lane's boxes are in rows; a layer and its gradient share a row if the arrows allow it. Arrows run in the gaps
// between rows and in three channels beside the lanes, never over a box.

// Distances in pixels.
const (
	boxHeight = 24.0
	padding   = 8.0  // around texts in a box
	between   = 26.0 // between boxes of a row
	labelZone = 13.0 // part of a gap in which arrows begin and are labeled
	track     = 6.0  // between parallel arrows
	arrowZone = 9.0  // part of a gap in which arrows end
)

// lane is a column of rows.
type lane struct {
	down        bool // forward: inputs come from above
	rows        [][]*box
	left, right float64
}

// drawing is a picture before it is written.
type drawing struct {
	boxes         []*box
	lines         []line
	labels        []label
	width, height float64

	lanes   []*lane
	rowTop  []float64
	rowH    []float64
	gaps    []float64 // gaps[r] is above row r; the last is below all
	channel [3]struct{ left, right float64 }
}

// line is an arrow or a part of one: points joined by straight lines.
type line struct {
	points [][2]float64
	head   bool // whether it ends in an arrowhead
	style  string
	net    int // lines of the same net may touch
	hover  string
}

// label is a text beside a line.
type label struct {
	x, y  float64 // left end of the baseline
	text  string
	style string // of the label's line
}

// layOut places the boxes of g and routes its values.
func layOut(g *grouping) *drawing {
	d := &drawing{boxes: g.boxes, lanes: []*lane{{down: true}}}
	for i, b := range g.boxes {
		b.index = i
		if b.grad {
			d.lanes = append(d.lanes[:1], &lane{})
		}
	}
	d.rank(g)
	d.sizes(g)
	for _, l := range d.lanes {
		d.spread(l)
	}
	r := newRouter(d, g)
	r.run()
	return d
}

// laneOf returns the lane of a box.
func (d *drawing) laneOf(b *box) *lane {
	if b.grad {
		return d.lanes[1]
	}
	return d.lanes[0]
}

// rank assigns every box its row.
func (d *drawing) rank(g *grouping) {
	succs := make(map[*box][]*box)
	for _, b := range g.boxes {
		for _, p := range b.preds {
			succs[p] = append(succs[p], b)
		}
	}
	for _, b := range g.boxes {
		if b.grad {
			continue
		}
		for _, p := range b.preds {
			b.row = max(b.row, p.row+1)
		}
	}
	// A box without predecessors goes right above its first reader.
	for _, b := range g.boxes {
		if b.grad || len(b.preds) > 0 {
			continue
		}
		row := math.MaxInt
		for _, s := range succs[b] {
			if !s.grad {
				row = min(row, s.row-1)
			}
		}
		if row != math.MaxInt {
			b.row = row
		}
	}
	lowest := rankGradients(g)
	rows := 0
	for _, b := range g.boxes {
		b.row -= lowest
		rows = max(rows, b.row+1)
	}
	d.dropEmpty(rows)
	for _, l := range d.lanes {
		l.rows = make([][]*box, len(d.rowTop))
	}
	for _, b := range g.boxes {
		l := d.laneOf(b)
		l.rows[b.row] = append(l.rows[b.row], b)
	}
}

// rankGradients assigns every gradient its row: beside its layer, or above that if what it reads is there. It
// returns the lowest number of a row.
func rankGradients(g *grouping) (lowest int) {
	partner := make(map[string]int)
	for _, b := range g.boxes {
		if !b.grad && b.kind == layer {
			partner[b.name()] = b.row
		}
	}
	for _, b := range g.boxes {
		if !b.grad {
			continue
		}
		row, found := partner[b.name()]
		if !found {
			row = math.MaxInt
		}
		above, forward := math.MaxInt, 0
		for _, p := range b.preds {
			if p.grad {
				above = min(above, p.row-1)
			} else {
				forward = max(forward, p.row)
			}
		}
		if row = min(row, above); row == math.MaxInt {
			row = forward
		}
		b.row = row
		lowest = min(lowest, row)
	}
	return lowest
}

// name returns the name that a box shares with its gradient only.
func (b *box) name() string { return b.key }

// dropEmpty renumbers rows so that none is empty.
func (d *drawing) dropEmpty(rows int) {
	used := make([]int, rows)
	for _, b := range d.boxes {
		used[b.row] = 1
	}
	at := 0
	for r, u := range used {
		used[r] = at
		at += u
	}
	for _, b := range d.boxes {
		b.row = used[b.row]
	}
	d.rowTop, d.rowH, d.gaps = make([]float64, at), make([]float64, at), make([]float64, at+1)
}

// sizes gives every box its width: layers of a lane all have the same width, other boxes have their own.
func (d *drawing) sizes(g *grouping) {
	width := make(map[*lane]float64)
	for _, b := range d.boxes {
		w := 2*padding + textWidth(b.title(), titleSize)
		for _, text := range []string{b.detailOf(g), b.figures()} {
			if text != "" {
				w += 1.5*padding + textWidth(text, smallSize)
			}
		}
		b.w = 2 * math.Ceil(w/2)
		if l := d.laneOf(b); b.kind == layer {
			width[l] = max(width[l], b.w)
		}
	}
	for _, b := range d.boxes {
		if b.kind == layer {
			b.w = width[d.laneOf(b)]
		}
	}
}

// spread orders the boxes of each row of a lane and assigns them places, relative to the lane's left end: near
// the boxes that they are connected with, and apart from each other.
func (d *drawing) spread(l *lane) {
	near, far := make(map[*box][]*box), make(map[*box][]*box)
	for _, b := range d.boxes {
		for _, p := range b.preds {
			switch {
			case b.grad != p.grad:
			case b.row-p.row == 1 || p.row-b.row == 1:
				near[b], near[p] = append(near[b], p), append(near[p], b)
			default:
				far[b], far[p] = append(far[b], p), append(far[p], b)
			}
		}
	}
	for b, others := range far {
		if near[b] == nil {
			near[b] = others
		}
	}
	want := make(map[*box]float64)
	const sweeps = 40
	for sweep := range sweeps {
		for i := range l.rows {
			row := l.rows[i]
			if sweep%2 == 1 {
				row = l.rows[len(l.rows)-1-i]
			}
			for _, b := range row {
				sum, weight := 0.0, 0.0
				for _, n := range near[b] {
					sum += n.x * n.pull()
					weight += n.pull()
				}
				want[b] = b.x
				if weight > 0 {
					want[b] = sum / weight
				}
			}
			if sweep < sweeps/2 {
				slices.SortStableFunc(row, func(a, b *box) int { return cmp.Compare(want[a], want[b]) })
			}
			place(row, want)
		}
	}
	left := math.Inf(1)
	for _, b := range d.boxes {
		if d.laneOf(b) == l {
			b.x = math.Round(b.x - b.w/2) // until here it was the middle
			left = min(left, b.x)
		}
	}
	for _, b := range d.boxes {
		if d.laneOf(b) == l {
			b.x -= left
			l.right = max(l.right, b.x+b.w)
		}
	}
}

// pull returns how strongly a box attracts others and keeps its place.
func (b *box) pull() float64 {
	if b.kind != layer {
		return 1e-6
	}
	return 1 + math.Log1p(float64(b.flops))
}

// place puts the boxes of a row as close to where they want to be as their order and distances allow: least
// squares, by pooling neighbors that would overlap.
func place(row []*box, want map[*box]float64) {
	type pool struct {
		sum, weight float64
		n           int
	}
	var pools []pool
	offset := make([]float64, len(row)) // from the first box's middle, if all touched
	for i, b := range row {
		if i > 0 {
			offset[i] = offset[i-1] + (row[i-1].w+b.w)/2 + between
		}
		at := want[b] - offset[i]
		pools = append(pools, pool{at * b.pull(), b.pull(), 1})
		for n := len(pools); n > 1 && pools[n-2].sum/pools[n-2].weight > pools[n-1].sum/pools[n-1].weight; n-- {
			p, q := pools[n-2], pools[n-1]
			pools = append(pools[:n-2], pool{p.sum + q.sum, p.weight + q.weight, p.n + q.n})
		}
	}
	i := 0
	for _, p := range pools {
		for range p.n {
			row[i].x = p.sum/p.weight + offset[i]
			i++
		}
	}
}
