package plan

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// Network is what joins the machines of ranks, one rank a machine.
type Network struct {
	Rate    float64 `json:"bits_per_s"` // of a machine's link, in each direction
	Latency float64 `json:"latency_s"`  // of a message
}

const (
	// payload is the share of a link's rate that TCP leaves: 1,448 bytes of an Ethernet frame, which takes 1,538.
	payload = 1448. / 1538
	// defaultLatency is assumed of TCP over Ethernet.
	defaultLatency = 50e-6
)

// networkUnits are bits and bytes a second.
var networkUnits = map[string]float64{"Mb": 1e6, "Gb": 1e9, "Tb": 1e12, "MB": 8e6, "GB": 8e9, "TB": 8e12}

// ParseNetwork reads a rate such as 25Gb, of bits, or 3GB, of bytes a second, and a latency behind a comma, as in 100Gb,5us.
func ParseNetwork(text string) (n Network, err error) {
	rate, latency, given := strings.Cut(text, ",")
	wrong := usage.Errorf("--network %s: want a rate such as 25Gb (bits a second) or 3GB (bytes), and a latency if you like, as in 100Gb,5us", text)
	if n.Latency = defaultLatency; given {
		number, micro := strings.CutSuffix(latency, "us")
		x, err := strconv.ParseFloat(number, 64)
		if err != nil || !micro || !(x >= 0 && x <= 1e9) {
			return n, wrong
		}
		n.Latency = x * 1e-6
	}
	number := strings.TrimRight(rate, "MGTbB")
	x, err := strconv.ParseFloat(number, 64)
	unit, known := networkUnits[rate[len(number):]]
	if n.Rate = x * unit; err != nil || !known || !(n.Rate >= 1e3 && n.Rate <= 1e18) {
		return n, wrong
	}
	return n, nil
}

// String is the network in words.
func (n Network) String() string {
	unit, x := "Mb/s", n.Rate/1e6
	if x >= 1e3 {
		unit, x = "Gb/s", x/1e3
	}
	return fmt.Sprintf("%s %s and %.3g µs a message", figure(x), unit, 1e6*n.Latency)
}

// sums is how many seconds ranks take to add up so many bytes of gradients by a fixed tree, as cluster.World does: pairs exchange halves,
// then halves of these, until each rank has its part of the whole sum, and then give these back,
//
//	2·(R−1)/R·bytes / rate + (2 + 8)·⌈log₂R⌉·latency
//
// where the 8 are of the four small agreements of an update, in each of which ranks tell what they are at and then what they have. Other numbers of
// ranks than powers of two send whole gradients up the tree, and the sum down. Additions go on while pieces are on their way, and cost no time where a
// machine's memory is faster than the network.
func (n Network) sums(bytes float64, ranks int) float64 {
	if ranks < 2 {
		return 0
	}
	levels := float64(bits.Len(uint(ranks - 1)))
	sent := 2 * float64(ranks-1) / float64(ranks) * bytes
	if ranks&(ranks-1) != 0 {
		sent = 2 * levels * bytes
	}
	return 8*sent/(n.Rate*payload) + 10*levels*n.Latency
}

// Step is an update of all ranks.
type Step struct {
	Compute    float64 `json:"compute_s"` // of the rank that has most micro-batches
	Sums       float64 `json:"sums_s"`
	Within     float64 `json:"sums_within_models_s,omitempty"` // of ranks that hold one together
	Seconds    float64 `json:"seconds"`
	Efficiency float64 `json:"efficiency"` // the share of its time in which it computes
}

// stepOf is that of ranks, the busiest of which computes so many operations, and has so many seconds of sums while it does, and which add up so many bytes.
func (m *Machine) stepOf(n *Network, flops, bytes float64, ranks int, within float64) *Step {
	s := &Step{Compute: flops / (m.Rate * m.Share), Within: within}
	if n != nil {
		s.Sums = n.sums(bytes, ranks)
	}
	s.Seconds = s.Compute + s.Sums + s.Within
	s.Efficiency = s.Compute / s.Seconds
	return s
}
