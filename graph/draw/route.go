package draw

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// side is where an arrow meets a box.
type side int

const (
	top side = iota
	bottom
	left
	right
)

// port is a place on the side of a box at which the arrows of one net meet it.
type port struct {
	box  *box
	side side
	net  *net
	end  bool // an arrow ends here
	at   float64
}

// net is the arrows of one value in one lane or across: it starts at a port and ends at
// others. A trunk in a channel joins those that are not neighbours.
type net struct {
	id      int
	value   *value
	hover   string
	label   string
	style   string
	source  *port
	targets []*port
	trunk   bool
	channel int
	at      float64 // the trunk's x
}

// run is a horizontal piece in a gap.
type run struct {
	net      *net
	from, to float64
	ports    []*port
	at       float64
}

type router struct {
	d     *drawing
	nets  []*net
	ports []*port
	by    map[portKey]*port
	runs  [2][][]*run // of each lane, in each gap
}

type portKey struct {
	box  *box
	side side
	net  *net
}

// newRouter makes the nets of a grouping.
func newRouter(d *drawing, g *grouping) *router {
	r := &router{d: d, by: make(map[portKey]*port)}
	across := make(map[*box]*net) // one of each box for all that gradients read of it
	for _, v := range g.values {
		var direct, long *net
		if len(v.to) == 0 {
			r.connect(r.newNet(v, false, 0), nil)
			continue
		}
		for _, b := range v.to {
			switch {
			case b.grad != v.from.grad:
				if across[v.from] == nil {
					across[v.from] = r.newNet(v, true, 1)
				}
				r.across(across[v.from], v, b)
			case r.follows(b, v.from):
				if direct == nil {
					direct = r.newNet(v, false, 0)
				}
				r.connect(direct, b)
			default:
				if long == nil {
					channel := 0
					if v.from.grad {
						channel = 2
					}
					long = r.newNet(v, true, channel)
				}
				r.connect(long, b)
			}
		}
		if direct != nil && long != nil {
			long.label = ""
		}
	}
	return r
}

// follows tells whether b stands in the first row of its lane that has boxes, after that
// of from: an arrow has a free way.
func (r *router) follows(b, from *box) bool {
	low, high := min(b.row, from.row), max(b.row, from.row)
	return low < high && !slices.ContainsFunc(r.d.laneOf(b).rows[low+1:high], func(row []*box) bool { return len(row) > 0 })
}

func (r *router) newNet(v *value, trunk bool, channel int) *net {
	n := &net{id: len(r.nets), value: v, trunk: trunk, channel: channel, label: v.shape, style: "forward", hover: v.from.title() + ": " + v.shape}
	switch {
	case channel == 1:
		n.style, n.label, n.hover = "saved", "", ""
	case v.from.grad:
		n.style = "gradient"
	}
	r.nets = append(r.nets, n)
	return n
}

// across adds a value to what gradients read of one box.
func (r *router) across(n *net, v *value, b *box) {
	if n.value == v && n.hover == "" {
		n.label, n.hover = v.shape, "read by gradients: "+v.shape
	} else if n.value != v {
		n.value = v
		n.hover += ", " + v.shape
		var more int
		if _, err := fmt.Sscanf(n.label[len(firstWord(n.label)):], " +%d", &more); err != nil {
			more = 0
		}
		n.label = fmt.Sprintf("%s +%d", firstWord(n.label), more+1)
	}
	r.connect(n, b)
}

func firstWord(s string) string {
	for i, c := range s {
		if c == ' ' {
			return s[:i]
		}
	}
	return s
}

// connect leads a net to a box.
func (r *router) connect(n *net, b *box) {
	if n.source == nil {
		n.source = r.port(n, n.value.from, r.exit(n), false)
	}
	if b == nil {
		return
	}
	p := r.port(n, b, r.entry(n, b), true)
	if !slices.Contains(n.targets, p) {
		n.targets = append(n.targets, p)
	}
}

func (r *router) port(n *net, b *box, s side, end bool) *port {
	key := portKey{b, s, n}
	if r.by[key] == nil {
		r.by[key] = &port{box: b, side: s, net: n, end: end}
		r.ports = append(r.ports, r.by[key])
	}
	return r.by[key]
}

// exit is the side at which a net leaves its source: sideways into a channel if nothing
// stands between.
func (r *router) exit(n *net) side {
	b := n.value.from
	if n.trunk {
		if s, ok := r.sideways(n, b); ok {
			return s
		}
	}
	if b.grad {
		return top
	}
	return bottom
}

// entry is the side at which a net ends at b.
func (r *router) entry(n *net, b *box) side {
	if n.trunk {
		if s, ok := r.sideways(n, b); ok {
			return s
		}
	}
	if b.grad {
		return bottom
	}
	return top
}

// sideways is the side of b towards the net's channel, if b is the row's last there.
func (r *router) sideways(n *net, b *box) (side, bool) {
	row := r.d.laneOf(b).rows[b.row]
	if n.channel == 0 || n.channel == 1 && b.grad {
		return left, row[0] == b
	}
	return right, row[len(row)-1] == b
}

// run places everything: the ports, the trunks, the gaps, and then the lines.
func (r *router) run() {
	r.spacePorts()
	r.gapRuns()
	r.placeRows()
	r.placeTrunks()
	r.packGaps()
	r.draw()
}

// spacePorts spreads the ports of each side of each box evenly, and makes rows as high
// as their boxes' sides need. at is counted from the box's corner.
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
			// Arrows that come from the far side of the picture are nearest to it.
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

// far is where the other ends of a port's net are, on average.
func (p *port) far(s side) float64 {
	if n := p.net; n.trunk && (s == top || s == bottom) {
		if n.channel == 0 || n.channel == 1 && p.box.grad {
			return math.Inf(-1)
		}
		return math.Inf(1)
	}
	others := p.net.targets
	if p.end {
		others = []*port{p.net.source}
	}
	sum := 0.0
	for _, o := range others {
		if s == top || s == bottom {
			sum += o.box.x + o.box.w/2
		} else {
			sum += float64(o.box.row)
		}
	}
	return sum / float64(max(len(others), 1))
}

// x and y are the port's place.
func (p *port) xy() (x, y float64) {
	b := p.box
	switch p.side {
	case top:
		return b.x + p.at, b.y
	case bottom:
		return b.x + p.at, b.y + b.h
	case left:
		return b.x, b.y + p.at
	}
	return b.x + b.w, b.y + p.at
}

// gapOf is the gap that a port at the top or the bottom opens to. Between neighbours it is
// that at the end of the arrow; what rows are left out before have no boxes.
func (p *port) gapOf() int {
	if n := p.net; !n.trunk && p == n.source && len(n.targets) > 0 {
		p = n.targets[0]
	}
	if p.side == top {
		return p.box.row
	}
	return p.box.row + 1
}

// laneIndex is 1 for gradients.
func (b *box) laneIndex() int {
	if b.grad {
		return 1
	}
	return 0
}

// gapRuns lists the horizontal pieces of each gap: of a net between neighbours one, of
// one with a trunk one for every port that does not face the trunk's channel.
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

// placeRows fixes the height of gaps and rows, the lanes' places and the channels. The
// gaps are as high as if no two runs could share a track.
func (r *router) placeRows() {
	d := r.d
	tracks := [3]int{}
	labelled := [3]bool{}
	for _, n := range r.nets {
		if n.trunk {
			tracks[n.channel]++
			if n.label != "" && (n.source.side == left || n.source.side == right) {
				labelled[n.channel] = true
			}
		}
	}
	x := 12.0
	for c := range d.channel {
		d.channel[c].left = x
		if labelled[c] {
			x += labelWidth
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

// align moves the ends of arrows between neighbours: right under their beginnings where
// nothing is in the way, and off those of others, which they would seem to go on from.
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

// offset moves the end of an arrow at the left of a gradient's box off the heights at
// which others leave the boxes of its row.
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

// header is the height that the title and the legend take.
const header = 34.0

// overlaps is how many trunks of a channel stand beside each other.
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

// spanX is what a run covers, as far as is known before trunks have their tracks: to the
// far end of the channel.
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

// pack gives spans tracks so that those of one track do not touch, and returns how many
// it took.
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

// placeTrunks gives every trunk its x: short ones nearest to the lane that they serve.
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

// reach is between which heights a port's piece meets the trunk.
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

// drawRun joins a run's ports with it.
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

// drawTrunk draws the vertical piece, and those that leave it sideways.
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
	panic("draw: a port without a run") // gapRuns makes one for each
}

func (r *router) line(n *net, head bool, points ...[2]float64) {
	r.d.lines = append(r.d.lines, line{points: points, head: head, style: n.style, net: n.id, hover: n.hover})
}

// drawLabel writes a net's shape where it leaves its source, on the side of the line that
// has room. Where neither has, only the line's hover text tells it.
func (r *router) drawLabel(n *net) {
	if n.label == "" {
		return
	}
	x, y := n.source.xy()
	width := textWidth(n.label, labelSize)
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
		l := label{x, y, n.label, n.style}
		if x > 0 && !slices.ContainsFunc(r.d.labels, l.overlaps) {
			r.d.labels = append(r.d.labels, l)
			return
		}
	}
}

// overlaps tells whether two labels lie over each other.
func (l label) overlaps(o label) bool {
	return l.x < o.x+textWidth(o.text, labelSize) && o.x < l.x+textWidth(l.text, labelSize) && math.Abs(l.y-o.y) < labelSize-1
}
