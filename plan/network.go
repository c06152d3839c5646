package plan

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// Network connects the machines of ranks, one rank per machine.
type Network struct {
	Rate    float64 `json:"bits_per_s"` // of a machine's link, in each direction
	Latency float64 `json:"latency_s"`  // per message
}

const (
	// payload is the share of a link's rate that TCP leaves: 1,448 bytes of an Ethernet frame that
	// takes 1,538.
	payload = 1448. / 1538
	// defaultLatency is assumed for TCP over Ethernet.
	defaultLatency = 50e-6
)

// networkUnits are multiples of bits and bytes per second.
var networkUnits = map[string]float64{"Mb": 1e6, "Gb": 1e9, "Tb": 1e12, "MB": 8e6, "GB": 8e9, "TB": 8e12}

// ParseNetwork parses a rate such as 25Gb, in bits, or 3GB, in bytes per second, and an optional
// latency after a comma, as in 100Gb,5us.
func ParseNetwork(text string) (n Network, err error) {
	rate, latency, given := strings.Cut(text, ",")
	wrong := usage.Errorf("--network %s: want a rate such as 25Gb (bits a second) or 3GB (bytes), optionally with a latency, as in 100Gb,5us", text)
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

// String describes the network.
func (n Network) String() string {
	unit, x := "Mb/s", n.Rate/1e6
	if x >= 1e3 {
		unit, x = "Gb/s", x/1e3
	}
	return fmt.Sprintf("%s %s and %.3g µs a message", figure(x), unit, 1e6*n.Latency)
}

// sums returns how many seconds ranks take to add up the given bytes of gradients in a fixed tree,
// as cluster.World does: pairs exchange halves, then halves of these, until each rank has its part
// of the sum, and then return these in the same way,
//
//	2·(R−1)/R·bytes / rate + (2 + 8)·⌈log₂R⌉·latency
//
// where the 8 is for the four small agreements of an update, in each of which ranks first compare
// their calls and then exchange numbers. If the number of ranks is not a power of two, whole
// gradients are sent up the tree, and the sum down. Additions proceed while pieces are in transit,
// and cost no time if a machine's memory is faster than the network.
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
	Compute    float64 `json:"compute_s"` // of the rank with most micro-batches
	Sums       float64 `json:"sums_s"`
	Within     float64 `json:"sums_within_models_s,omitempty"` // between ranks that hold one model together
	Seconds    float64 `json:"seconds"`
	Efficiency float64 `json:"efficiency"` // the share of the time spent computing
}

// stepOf returns the step of ranks that add up the given bytes, where the busiest computes flops
// operations and has within seconds of sums in between.
func (m *Machine) stepOf(n *Network, flops, bytes float64, ranks int, within float64) *Step {
	s := &Step{Compute: flops / (m.Rate * m.Share), Within: within}
	if n != nil {
		s.Sums = n.sums(bytes, ranks)
	}
	s.Seconds = s.Compute + s.Sums + s.Within
	s.Efficiency = s.Compute / s.Seconds
	return s
}
