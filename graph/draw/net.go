package draw

import (
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

// net is the set of arrows of one value within a lane or across lanes: it starts at one port and ends at
// others. A trunk in a channel joins ports that are not in neighboring rows.
type net struct {
	id      int
	value   *value // the last one, if there are several
	more    int    // number of values besides the first
	hover   string
	label   string
	style   string
	source  *port
	targets []*port
	trunk   bool
	channel int
	at      float64 // the trunk's x
}

// run is a horizontal part in a gap.
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
	runs  [2][][]*run // by lane and gap
}

type portKey struct {
	box  *box
	side side
	net  *net
}

// newRouter makes the nets of a grouping.
func newRouter(d *drawing, g *grouping) *router {
	r := &router{d: d, by: make(map[portKey]*port)}
	across := make(map[*box]*net) // one for each box, for everything that gradients read of it
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

// follows reports whether b is in the first row of its lane that has boxes after the row of from, so that an
// arrow has a free path.
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

// across adds a value to the net of what gradients read of a box.
func (r *router) across(n *net, v *value, b *box) {
	if n.value == v && n.hover == "" {
		n.label, n.hover = v.shape, "read by gradients: "+v.shape
	} else if n.value != v {
		n.value = v
		n.more++
		n.hover += ", " + v.shape
	}
	r.connect(n, b)
}

// text returns the net's label.
func (n *net) text() string {
	if n.more > 0 {
		return fmt.Sprintf("%s +%d", n.label, n.more)
	}
	return n.label
}

// connect extends a net to a box.
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

// exit returns the side at which a net leaves its source: sideways into a channel if nothing is in between.
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

// entry returns the side at which a net ends at b.
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

// sideways returns the side of b that faces the net's channel, and whether b is the last box of its row on that
// side.
func (r *router) sideways(n *net, b *box) (side, bool) {
	row := r.d.laneOf(b).rows[b.row]
	if n.channel == 0 || n.channel == 1 && b.grad {
		return left, row[0] == b
	}
	return right, row[len(row)-1] == b
}

// far returns the average position of the other ends of a port's net.
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

// xy returns the port's position.
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

// gapOf returns the gap that a port at the top or the bottom opens to. Between neighboring rows it is the gap
// at the end of the arrow; the skipped rows have no boxes in this lane.
func (p *port) gapOf() int {
	if n := p.net; !n.trunk && p == n.source && len(n.targets) > 0 {
		p = n.targets[0]
	}
	if p.side == top {
		return p.box.row
	}
	return p.box.row + 1
}

// laneIndex returns 1 for gradients, else 0.
func (b *box) laneIndex() int {
	if b.grad {
		return 1
	}
	return 0
}
