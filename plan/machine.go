package plan

import (
	"strings"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// Machine is how long the training takes on machines of one kind.
type Machine struct {
	Name   string  `json:"name"`
	Rate   float64 `json:"flops_per_s"` // measured for this machine's matrix product, or a vendor's peak
	Source string  `json:"source,omitempty"`
	Share  float64 `json:"share"` // share of the rate that training is assumed to reach
	Days   float64 `json:"days"`
	Ranks  float64 `json:"days_of_ranks"` // on all ranks; if the network is not known, communication is assumed to cost no time
	Step   *Step   `json:"step"`          // an update of all ranks
}

// machineShare is the share of the matrix product's rate that gorgpt's steps of gpt2 reach, as
// measured by gorgpt bench: 0.76 to 0.84 on two cores, 0.85 to 0.86 on one (docs/performance.md).
const machineShare = 0.8

// machine returns how long the planned tokens take, with flops operations per token.
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

// GPU is a graphics processor, with its vendor's figures.
type GPU struct {
	Name   string
	Peak   float64 // FLOP/s of dense products in bfloat16, or in float16 if it has no bfloat16
	Source string
}

// GPUs are the processors that a plan may name.
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

// FindGPU returns the GPU of the given name, ignoring case. For an unknown name, the error suggests
// the nearest.
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
