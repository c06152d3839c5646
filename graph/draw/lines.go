package draw

import (
	"math"
	"slices"
)

// draw makes the lines and their labels.
func (r *router) draw() {
	for l := range r.runs {
		for _, runs := range r.runs[l] {
			for _, n := range runs {
				r.drawRun(n)
			}
		}
	}
	for _, n := range r.nets {
		if n.trunk {
			r.drawTrunk(n)
		}
		r.drawLabel(n)
	}
}

// drawRun draws the lines from a run to its ports.
func (r *router) drawRun(n *run) {
	if len(n.ports) == 1 && !n.net.trunk { // a result, read by nobody
		x, y := n.ports[0].xy()
		r.line(n.net, true, [2]float64{x, y}, [2]float64{x, y + labelZone})
		return
	}
	for _, p := range n.ports {
		x, y := p.xy()
		start, end := [2]float64{x, y}, [2]float64{n.net.at, n.at}
		if !n.net.trunk {
			if p == n.net.source {
				continue
			}
			sx, sy := n.net.source.xy()
			if sx == x {
				r.line(n.net, true, [2]float64{sx, sy}, start)
			} else {
				r.line(n.net, true, [2]float64{sx, sy}, [2]float64{sx, n.at}, [2]float64{x, n.at}, start)
			}
			continue
		}
		if p.end {
			r.line(n.net, true, end, [2]float64{x, n.at}, start)
		} else {
			r.line(n.net, false, start, [2]float64{x, n.at}, end)
		}
	}
}

// drawTrunk draws the vertical part of a net, and the parts that leave it sideways.
func (r *router) drawTrunk(n *net) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range append([]*port{n.source}, n.targets...) {
		x, y := p.xy()
		if p.side == top || p.side == bottom {
			y = r.runOf(p).at
		} else if p.end {
			r.line(n, true, [2]float64{n.at, y}, [2]float64{x, y})
		} else {
			r.line(n, false, [2]float64{x, y}, [2]float64{n.at, y})
		}
		low, high = min(low, y), max(high, y)
	}
	if low < high {
		r.line(n, false, [2]float64{n.at, low}, [2]float64{n.at, high})
	}
}

func (r *router) runOf(p *port) *run {
	for _, n := range r.runs[p.box.laneIndex()][p.gapOf()] {
		if slices.Contains(n.ports, p) {
			return n
		}
	}
	panic("draw: a port without a run") // gapRuns makes a run for each
}

func (r *router) line(n *net, head bool, points ...[2]float64) {
	r.d.lines = append(r.d.lines, line{points: points, head: head, style: n.style, net: n.id, hover: n.hover})
}

// drawLabel writes a net's shape where the net leaves its source, on the side of the line that has room. If
// neither side has, only the line's hover text shows it.
func (r *router) drawLabel(n *net) {
	if n.label == "" {
		return
	}
	x, y := n.source.xy()
	width := textWidth(n.text(), labelSize)
	after, before := x+4, x-4-width
	switch n.source.side {
	case bottom:
		y += labelZone - 3
	case top:
		y -= 4
	case right:
		y -= 2.5
		before = after
	default:
		y -= 2.5
		after = before
	}
	for _, x := range []float64{after, before} {
		l := label{x, y, n.text(), n.style}
		if x > 0 && !slices.ContainsFunc(r.d.labels, l.overlaps) {
			r.d.labels = append(r.d.labels, l)
			return
		}
	}
}

// overlaps reports whether two labels overlap.
func (l label) overlaps(o label) bool {
	return l.x < o.x+textWidth(o.text, labelSize) && o.x < l.x+textWidth(l.text, labelSize) && math.Abs(l.y-o.y) < labelSize-1
}
