package plan

import (
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// Machine is how long the training takes on one.
type Machine struct {
	Name   string  `json:"name"`
	Rate   float64 `json:"flops_per_s"` // measured of this machine's matrix product, or a vendor's peak
	Source string  `json:"source,omitempty"`
	Share  float64 `json:"share"` // of the rate that training is assumed to reach
	Days   float64 `json:"days"`
	Ranks  float64 `json:"days_of_ranks"` // on as many as there are ranks; if what they send costs no time, where the network is not known
	Step   *Step   `json:"step"`          // of ranks
}

// machineShare is the part of the matrix product's rate that gorgpt's steps of gpt2 were measured to reach, as gorgpt bench
// tells: 0.76 to 0.84 on two cores, 0.85 to 0.86 on one (docs/performance.md).
const machineShare = 0.8

// machine is how long tokens take, of so many operations each.
func (p *Plan) machine(name string, rate, share, flops float64) *Machine {
	m := &Machine{Name: name, Rate: rate, Share: share, Days: flops * p.Run.Tokens / (rate * share) / 86400}
	own := float64(p.Batch) * float64(p.Context) * float64(p.Own)
	models, within := p.Ranks, 0.0
	if s := p.Split; s != nil {
		flops *= s.Share
		models, within = s.Models, s.seconds(p.Network)*float64(p.Own)
	}
	m.Step = m.stepOf(p.Network, flops*own, p.Memory.Training.Gradients, models, within)
	m.Ranks = m.Step.Seconds * p.Run.Tokens / p.Run.Update / 86400
	return m
}

// GPU is a graphics processor, by its vendor's figures.
type GPU struct {
	Name   string
	Peak   float64 // dense products of bfloat16, or of float16 where it has no other, FLOP/s
	Source string
}

// GPUs are those that a plan may name.
var GPUs = []GPU{
	{"V100", 125e12, "NVIDIA V100 datasheet, SXM2, fp16"},
	{"A100", 312e12, "NVIDIA A100 datasheet, bf16"},
	{"H100", 989e12, "NVIDIA H100 datasheet, SXM, bf16; half of 1,979 with sparsity"},
	{"H200", 989e12, "NVIDIA H200 datasheet, SXM, bf16; half of 1,979 with sparsity"},
	{"B200", 2250e12, "NVIDIA HGX B200 datasheet, bf16; half of 4,500 with sparsity"},
	{"T4", 65e12, "NVIDIA T4 datasheet, fp16"},
	{"L4", 121e12, "NVIDIA L4 datasheet, bf16; half of 242 with sparsity"},
	{"MI300X", 1307e12, "AMD MI300X datasheet, bf16"},
}

// FindGPU returns the GPU of a name, in letters of either case. The error for another name offers the nearest.
func FindGPU(name string) (GPU, error) {
	var known []string
	for _, g := range GPUs {
		if strings.EqualFold(g.Name, name) {
			return g, nil
		}
		known = append(known, g.Name)
	}
	return GPU{}, usage.Unknown("GPU", name, known)
}
