package draw

import (
	"cmp"
	"math"
	"slices"
)

// run places everything: first the ports, the trunks and the gaps, and then the lines.
func (r *router) run() {
	r.spacePorts()
	r.gapRuns()
	r.placeRows()
	r.placeTrunks()
	r.packGaps()
	r.draw()
}

// spacePorts spreads the ports of each side of each box evenly, and makes rows as high as the sides of their
// boxes need. at is measured from the corner of the box.
func (r *router) spacePorts() {
	d := r.d
	for i := range d.rowH {
		d.rowH[i] = boxHeight
	}
	sides := make(map[*box]*[4][]*port)
	for _, p := range r.ports {
		if sides[p.box] == nil {
			sides[p.box] = new([4][]*port)
		}
		sides[p.box][p.side] = append(sides[p.box][p.side], p)
	}
	for _, b := range d.boxes {
		if sides[b] == nil {
			continue
		}
		for _, s := range []side{left, right} {
			apart, labels := track, 0
			for _, p := range sides[b][s] {
				if !p.end && p.net.label != "" {
					labels++
				}
			}
			if labels > 1 {
				apart = labelSize + 2
			}
			d.rowH[b.row] = max(d.rowH[b.row], apart*float64(len(sides[b][s])+1))
		}
	}
	for _, b := range d.boxes {
		b.h = d.rowH[b.row]
		if sides[b] == nil {
			continue
		}
		for s, ports := range sides[b] {
			// Order the ports by the positions of the other ends of their arrows.
			slices.SortStableFunc(ports, func(p, q *port) int { return cmp.Compare(p.far(side(s)), q.far(side(s))) })
			length := b.w
			if side(s) == left || side(s) == right {
				length = b.h
			}
			for i, p := range ports {
				p.at = math.Round(length*float64(i+1)/float64(len(ports)+1)*2) / 2
			}
		}
	}
}

// gapRuns lists the horizontal parts in each gap: one for a net between neighboring rows, and, for a net with a
// trunk, one for every port that does not face the trunk's channel.
func (r *router) gapRuns() {
	for l := range r.runs {
		r.runs[l] = make([][]*run, len(r.d.gaps))
	}
	add := func(n *net, ports ...*port) {
		gap, l := ports[0].gapOf(), ports[0].box.laneIndex()
		r.runs[l][gap] = append(r.runs[l][gap], &run{net: n, ports: ports})
	}
	for _, n := range r.nets {
		if !n.trunk {
			add(n, append([]*port{n.source}, n.targets...)...)
			continue
		}
		for _, p := range append([]*port{n.source}, n.targets...) {
			if p.side == top || p.side == bottom {
				add(n, p)
			}
		}
	}
}

// placeRows fixes the places of the lanes and the channels, then the heights of the gaps and rows.
func (r *router) placeRows() {
	d := r.d
	tracks := [3]int{}
	labelled := [3]float64{} // the widest label
	for _, n := range r.nets {
		if n.trunk {
			tracks[n.channel]++
			if n.label != "" && (n.source.side == left || n.source.side == right) {
				labelled[n.channel] = max(labelled[n.channel], math.Ceil(textWidth(n.text(), labelSize)))
			}
		}
	}
	x := 12.0
	for c := range d.channel {
		d.channel[c].left = x
		if labelled[c] > 0 {
			x += labelled[c] + 8
		}
		if tracks[c] > 0 {
			x += track*float64(r.overlaps(c)) + 14
		}
		d.channel[c].right = x
		if c < len(d.lanes) {
			l := d.lanes[c]
			l.left = x
			for _, b := range d.boxes {
				if d.laneOf(b) == l {
					b.x += x
				}
			}
			x += l.right
			l.right = x
		}
	}
	d.width = x + 12
	r.align()
	r.placeGaps()
}

// placeGaps fixes the heights of the gaps, and with them the places of the rows.
func (r *router) placeGaps() {
	d := r.d
	for gap := range d.gaps {
		height := 0.0
		for l := range d.lanes {
			runs := r.runs[l][gap]
			for _, n := range runs {
				n.spanX(d)
			}
			if len(runs) > 0 {
				height = max(height, labelZone+arrowZone+track*float64(pack(runs, func(n *run) (float64, float64) { return n.from, n.to }, func(*run, int) {})-1))
			}
		}
		d.gaps[gap] = height
	}
	y := header
	for row := range d.rowTop {
		y += max(d.gaps[row], 10)
		d.rowTop[row] = y
		y += d.rowH[row]
	}
	d.height = y + max(d.gaps[len(d.gaps)-1], 12)
	for _, b := range d.boxes {
		b.y = d.rowTop[b.row]
	}
}

// align moves the ends of arrows between neighboring rows: right below their beginnings if nothing is in the
// way, and away from the beginnings of other arrows, which they would seem to continue.
func (r *router) align() {
	const clear = 10
	at := func(p *port) float64 { x, _ := p.xy(); return x }
	free := func(p *port, x float64) bool {
		return x >= p.box.x+clear && x <= p.box.x+p.box.w-clear && !slices.ContainsFunc(r.ports, func(q *port) bool {
			opposite := q.box.grad == p.box.grad && q.side != p.side && (q.side == top || q.side == bottom) && q.gapOf() == p.gapOf() && q.net != p.net
			beside := q != p && q.box == p.box && q.side == p.side
			return beside && math.Abs(at(q)-x) < clear || opposite && math.Abs(at(q)-x) < track
		})
	}
	for _, p := range r.ports {
		if p.side == left && p.box.grad {
			r.offset(p)
		}
		if !p.end || p.side == left || p.side == right {
			continue
		}
		if x := at(p.net.source); !p.net.trunk && free(p, x) {
			p.at = x - p.box.x
			continue
		}
		for shift := 0.0; shift < p.box.w; shift += track {
			if x := at(p); free(p, x-shift) {
				p.at -= shift
				break
			} else if free(p, x+shift) {
				p.at += shift
				break
			}
		}
	}
}

// offset moves the end of an arrow at the left of a gradient's box away from the heights at which other arrows
// leave the boxes of its row.
func (r *router) offset(p *port) {
	taken := func(at float64) bool {
		return slices.ContainsFunc(r.ports, func(q *port) bool {
			return q != p && q.net != p.net && q.box.row == p.box.row && math.Abs(q.at-at) < 2 &&
				(q.side == right && !q.box.grad || q.side == left && q.box == p.box)
		})
	}
	for shift := 0.0; shift < p.box.h; shift++ {
		for _, at := range []float64{p.at - shift, p.at + shift} {
			if at >= 3 && at <= p.box.h-3 && !taken(at) {
				p.at = at
				return
			}
		}
	}
}

// header is the height of the title and the legend.
const header = 34.0

// overlaps returns how many trunks of a channel are side by side.
func (r *router) overlaps(channel int) int {
	return pack(r.trunks(channel), func(n *net) (float64, float64) {
		low, high := float64(n.source.box.row), float64(n.source.box.row)
		for _, p := range n.targets {
			low, high = min(low, float64(p.box.row)), max(high, float64(p.box.row))
		}
		return low - 1, high + 1
	}, func(*net, int) {})
}

func (r *router) trunks(channel int) []*net {
	var all []*net
	for _, n := range r.nets {
		if n.trunk && n.channel == channel {
			all = append(all, n)
		}
	}
	return all
}

// spanX sets the range that a run covers, as far as it is known before trunks have their tracks: up to the far
// end of the channel.
func (n *run) spanX(d *drawing) {
	n.from, n.to = math.Inf(1), math.Inf(-1)
	for _, p := range n.ports {
		x, _ := p.xy()
		n.from, n.to = min(n.from, x), max(n.to, x)
	}
	if n.net.trunk {
		c := d.channel[n.net.channel]
		n.from, n.to = min(n.from, c.right), max(n.to, c.left)
		if n.net.channel == 0 || n.net.channel == 1 && n.ports[0].box.grad {
			n.from = c.left
		} else {
			n.to = c.right
		}
	}
}

// pack assigns tracks to spans so that spans in the same track do not touch, and returns the number of tracks.
func pack[E any](all []E, span func(E) (float64, float64), give func(E, int)) int {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b E) int {
		a0, a1 := span(a)
		b0, b1 := span(b)
		return cmp.Or(cmp.Compare(a1-a0, b1-b0), cmp.Compare(a0, b0))
	})
	var tracks [][]E
	for _, e := range sorted {
		e0, e1 := span(e)
		t := slices.IndexFunc(tracks, func(track []E) bool {
			return !slices.ContainsFunc(track, func(o E) bool {
				o0, o1 := span(o)
				return e0 < o1+4 && o0 < e1+4
			})
		})
		if t < 0 {
			t = len(tracks)
			tracks = append(tracks, nil)
		}
		tracks[t] = append(tracks[t], e)
		give(e, t)
	}
	return len(tracks)
}

// placeTrunks gives every trunk its x: short ones are nearest to the lane that they serve.
func (r *router) placeTrunks() {
	for c := range r.d.channel {
		ch := r.d.channel[c]
		pack(r.trunks(c), func(n *net) (float64, float64) {
			low, high := math.Inf(1), math.Inf(-1)
			for _, p := range append([]*port{n.source}, n.targets...) {
				y0, y1 := r.reach(p)
				low, high = min(low, y0), max(high, y1)
			}
			return low, high
		}, func(n *net, t int) {
			if c == 2 {
				n.at = ch.right - track*float64(r.overlaps(c)) + track*float64(t)
			} else {
				n.at = ch.right - track*float64(t) - 14
			}
		})
	}
}

// reach returns the range of heights in which a port's part meets the trunk.
func (r *router) reach(p *port) (low, high float64) {
	_, y := p.xy()
	switch p.side {
	case top:
		return y - r.d.gaps[p.gapOf()], y
	case bottom:
		return y, y + r.d.gaps[p.gapOf()]
	}
	return y, y
}

// packGaps gives every run its y.
func (r *router) packGaps() {
	d := r.d
	for l := range d.lanes {
		for gap, runs := range r.runs[l] {
			above := d.height
			if gap < len(d.rowTop) {
				above = d.rowTop[gap]
			}
			above -= d.gaps[gap]
			for _, n := range runs {
				if n.net.trunk {
					n.from, n.to = math.Inf(1), math.Inf(-1)
					for _, p := range n.ports {
						x, _ := p.xy()
						n.from, n.to = min(n.from, x, n.net.at), max(n.to, x, n.net.at)
					}
				}
			}
			pack(runs, func(n *run) (float64, float64) { return n.from, n.to }, func(n *run, t int) {
				if d.lanes[l].down {
					n.at = above + labelZone + track*float64(t)
				} else {
					n.at = above + d.gaps[gap] - labelZone - track*float64(t)
				}
			})
		}
	}
}
