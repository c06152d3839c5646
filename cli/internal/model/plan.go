package model

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/cli/internal/command"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/internal/setting"
	"github.com/gorgpt/gorgpt/internal/usage"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/plan"
	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/train"
)

func newPlan() *cobra.Command {
	var p planning
	cmd := &cobra.Command{
		Use:        "plan",
		SuggestFor: []string{"estimate", "memory"},
		Short:      "Estimate what training takes before it begins: memory, days, expected loss",
		Long: `Estimate what training takes before it begins: parameters by part, FLOPs per token, memory
and its peak, bytes between ranks, days, and the tokens and losses that published scaling
laws predict.

Everything is counted in the model's graphs, and nothing is allocated, so that even the
largest models take a second. The peak is that of gorgpt train; docs/planning.md compares
it with measured ones. The rate of this machine's matrix product is measured for half a
second. Training is assumed to reach 0.8 of that rate, and --share of a GPU's peak.`,
		Example: `  gorgpt plan --model gpt2 --batch 4 --context 1024 --tokens 10B
  gorgpt plan --model gpt3-175b --tokens 300B --gpu v100 --share 0.3 --ranks 1024
  gorgpt plan --model gpt3-2.7b --ranks 64 --accumulate 512 --network 25Gb
  gorgpt plan --model gpt3-13b --ranks 8 --tensor-parallel 8
  gorgpt plan --model gpt2-xl --context 1024 --recompute --solver lion --json
  gorgpt plan --model gpt3-1.3b --set window_size=128 --tokens 26B`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := p.check(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return p.run(m, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	p.settings().Flags(f)
	return cmd
}

// planning holds the arguments of plan.
type planning struct {
	plan.Options
	model, from, tokens, network, precision string
	set                                     []string
	asJSON                                  bool
}

func (p *planning) settings() setting.List {
	return setting.List{
		setting.New("model", &p.model, "gpt2", "model name; see gorgpt models"),
		setting.New("from", &p.from, "", "checkpoint whose model to plan for, instead of --model"),
		setting.New("set", &p.set, nil, run.SetHelp),
		setting.New("tokens", &p.tokens, "", "tokens to train on, as in 300B or 2.5M (default: 20 per parameter)", setting.IsCount),
		setting.New("batch", &p.Batch, 1, "sequences per micro-batch, B", setting.AtLeast(1)),
		setting.New("context", &p.Context, 0, "tokens per sequence, T (default: the model's context)"),
		setting.New("accumulate", &p.Accumulate, 0, "micro-batches per update, over all ranks together, as in train (default: one per rank)"),
		setting.New("recompute", &p.Recompute, false, "recompute activations inside blocks in the backward pass, as train --recompute does"),
		setting.New("ranks", &p.Ranks, 1, "number of processes that train together", setting.AtLeast(1)),
		setting.New("tensor-parallel", &p.TensorParallel, 1, "number of ranks that hold one model together, as in train --tensor-parallel; must divide --ranks", setting.AtLeast(1)),
		setting.New("network", &p.network, "", "network between machines of one rank each, to estimate the time of an update: a rate, as in 25Gb (bits per second) or 3GB (bytes), and optionally a latency, as in 100Gb,5us (default latency: 50us)", isNetwork),
		setting.New("precision", &p.precision, "f32", "type of weights, gradients and moments: f32, also for train --precision bf16, which rounds only the operands of products", setting.Where(func(p string) bool { return p == "f32" }, "f32")),
		setting.New("solver", &p.Solver, "adamw", "optimizer; see gorgpt train -h", func(_, name string) error {
			_, err := train.FindRule(name)
			return usage.Of(err)
		}),
		setting.New("gpu", &p.GPU, "A100", "GPU to compare with: V100, A100, H100, H200, B200, T4, L4, MI300X", func(_, name string) error {
			_, err := plan.FindGPU(name)
			return err
		}),
		setting.New("share", &p.Share, 0.4, "share of the GPU's peak that training is assumed to reach", setting.Where(func(x float64) bool { return x >= plan.LeastShare && x <= 1 }, fmt.Sprintf("a share from %v to 1", plan.LeastShare))),
		setting.New("json", &p.asJSON, false, "print one JSON object"),
	}
}

// isNetwork accepts a network, or an empty text.
func isNetwork(_, text string) error {
	if text == "" {
		return nil
	}
	_, err := plan.ParseNetwork(text)
	return err
}

// check finds the model and checks the arguments.
func (p *planning) check(given func(flag string) bool) (m models.Model, err error) {
	if err := p.settings().Validate(); err != nil {
		return nil, err
	}
	if err := setting.NoneIdle(given, setting.Idle{Holds: p.from != "", Settings: []string{"model"}, With: "--from, whose checkpoint has it"}); err != nil {
		return nil, err
	}
	if p.from == "" {
		m, err = findModel(p.model, p.set)
	} else {
		p.model = p.from
		m, err = reopen(p.from, p.set)
	}
	if err != nil {
		return nil, err
	}
	limit := models.DimsOf(m).Context
	if !given("context") {
		p.Context = limit
	}
	if p.network != "" {
		if p.Network, err = plan.ParseNetwork(p.network); err != nil {
			return nil, err
		}
	}
	switch {
	case given("accumulate") && p.Accumulate < 1:
		return nil, usage.Errorf("--accumulate %d: want 1 or more", p.Accumulate)
	case p.network != "" && p.Ranks == 1:
		return nil, usage.Errorf("--network without --ranks: say how many processes it connects")
	case p.Context < 1:
		return nil, usage.Errorf("--context %d: want 1 or more", p.Context)
	case p.Context > limit:
		return nil, usage.Errorf("--context %d: %s has %s", p.Context, p.model, plural.Of(limit, "position"))
	case p.Ranks%p.TensorParallel != 0:
		return nil, usage.Errorf("--tensor-parallel %d: --ranks %d is not a multiple of it", p.TensorParallel, p.Ranks)
	case p.tokens != "":
		n, err := setting.ParseCount(p.tokens)
		if err != nil || n == 0 {
			return nil, usage.Errorf("--tokens %s: want 1 or more", p.tokens)
		}
		p.Tokens = float64(n)
	}
	return m, checkBatch(m, p.Batch, p.Context)
}

// run plans, and prints the plan.
func (p *planning) run(m models.Model, out io.Writer) error {
	// Products of gpt2's size reach the rate of larger ones, fit into the memory of any machine, and take little
	// time.
	p.Rate = 1e9 * bench.GemmRate(256, min(768, models.DimsOf(m).Width))
	r, err := plan.Of(m, p.Options)
	if err != nil {
		return err
	}
	r.Model = named(p.model, p.set)
	return printed(out, r, p.asJSON)
}
