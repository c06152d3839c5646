package plan

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/gorgpt/gorgpt/bench"
	"github.com/gorgpt/gorgpt/internal/plural"
	"github.com/gorgpt/gorgpt/memory"
)

// Print prints the plan for people to read.
func (p *Plan) Print(out io.Writer) error {
	fmt.Fprintf(out, "%s: batch %d × %d, %s an update%s, %s, %s, float32\n\n",
		p.Model, p.Batch, p.Context, plural.Of(p.Accumulate, "micro-batch"), p.share(), plural.Of(p.Ranks, "rank"), p.Solver)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(first string, rest ...string) { fmt.Fprintln(w, first+"\t"+strings.Join(rest, "\t")) }
	p.printParameters(line)
	p.printFLOPs(line)
	p.printMemory(line)
	p.printTime(line)
	p.printLaws(line)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\nThe laws were fitted to other models, tokenizers and texts; your losses will differ.")
	return err
}

// share describes a rank's share of an update.
func (p *Plan) share() string {
	if p.Ranks == 1 {
		return ""
	}
	return fmt.Sprintf(", %d a rank", p.Own)
}

// liner writes a row of a table.
type liner func(first string, rest ...string)

func (p *Plan) printParameters(line liner) {
	about := plural.Thousands(p.Parameters.Rest) + " without embeddings"
	if p.Parameters.Active != p.Parameters.Total {
		about += ", " + plural.Thousands(p.Parameters.Active) + " active"
	}
	line("parameters", plural.Thousands(p.Parameters.Total), about)
	for _, part := range p.Parameters.Parts {
		about := percent(float64(part.Count), float64(p.Parameters.Total))
		if part.Embedding {
			about += ", embedding"
		}
		line("  "+part.Name, plural.Thousands(part.Count), about)
	}
}

func (p *Plan) printFLOPs(line liner) {
	f := p.FLOPs
	var parts []string
	for _, name := range bench.Parts {
		if x := f.Parts[name]; x > 0 {
			parts = append(parts, name+" "+percent(x, f.Training))
		}
	}
	line("FLOPs a token", short(f.Training), fmt.Sprintf("training; forward %s; the 6N rule gives %s; ratio %.2f", short(f.Forward), short(f.SixN), f.Training/f.SixN))
	line("", "", strings.Join(parts, ", "))
}

func (p *Plan) printMemory(line liner) {
	m := p.Memory
	peak := "of each rank"
	if p.Ranks == 1 {
		peak = "of a run"
	}
	switch {
	case m.Limit > 0 && m.Peak > m.Limit:
		peak += ", more than the " + memory.Size(m.Limit) + " that this process may have"
	case m.Limit > 0:
		peak += ", of the " + memory.Size(m.Limit) + " that this process may have"
	}
	line("memory", memory.Size(m.Peak), "peak "+peak)
	line("  weights", memory.Size(m.Weights), fmt.Sprintf("gradients %s, moments %s", memory.Size(m.Gradients), memory.Size(m.Moments)))
	if m.Sums > 0 {
		line("  sums", memory.Size(m.Sums), "of gradients, pair by pair, so that the bits do not depend on the ranks")
	}
	line("  results", memory.Size(m.Results), p.alternative())
	line("  the rest", memory.Size(m.Text+m.Process), fmt.Sprintf("tokens in memory %s; program, buffers, garbage %s", memory.Size(m.Text), memory.Size(m.Process)))
	line("keys and values", memory.Size(m.KeysValues), fmt.Sprintf("of a sequence of %d, in generation", p.Context))
	p.printSplit(line)
	if p.Wire.Update > 0 {
		line("between ranks", memory.Size(p.Wire.Update), fmt.Sprintf("sent per update by each rank, to sum gradients; %s by all; %s once, for the weights", memory.Size(p.Wire.All), memory.Size(p.Wire.Broadcast)))
	}
}

// alternative describes what turning recomputation on, or off, would change.
func (p *Plan) alternative() string {
	m := p.Memory
	more := percent(p.FLOPs.Recomputed-p.FLOPs.Training, p.FLOPs.Training)
	switch {
	case m.Recomputed == 0:
		return "the model has no blocks to recompute"
	case p.Recompute:
		return fmt.Sprintf("recomputed, for %s more FLOPs; if kept: %s, peak %s", more, memory.Size(m.Kept), memory.Size(m.PeakKept))
	}
	return fmt.Sprintf("with --recompute %s, peak %s, for %s more FLOPs", memory.Size(m.Recomputed), memory.Size(m.PeakRecomputed), more)
}

func (p *Plan) printTime(line liner) {
	r := p.Run
	line("tokens", short(r.Tokens), fmt.Sprintf("%s a parameter; %s %s of %s", figure(r.PerToken), short(r.Updates), plural.Noun(int64(min(r.Updates, 2)), "update"), short(r.Update)))
	line("FLOPs", short(r.FLOPs), figure(r.PFDays)+" petaflop/s-days")
	for _, m := range []*Machine{p.Machine, p.GPU} {
		if m == nil {
			continue
		}
		about := fmt.Sprintf("%s, at an assumed %g of its vendor's dense peak of %s", m.Name, m.Share, rate(m.Rate))
		if m == p.Machine {
			about = fmt.Sprintf("%s, at an assumed %g of the matrix product's measured %s", m.Name, m.Share, rate(m.Rate))
		}
		line("  time", duration(m.Days), "on "+about)
		if p.Ranks > 1 {
			p.printRanks(line, m)
		}
	}
}

// printRanks prints how long ranks take, and how much of that is spent in sums.
func (p *Plan) printRanks(line liner, m *Machine) {
	if p.Network == nil {
		line("", duration(m.Ranks), fmt.Sprintf("on %d ranks, if communication takes no time", p.Ranks))
		return
	}
	line("", duration(m.Ranks), fmt.Sprintf("on %d ranks connected by %s, which compute for %s of that time", p.Ranks, p.Network, percent(m.Step.Efficiency, 1)))
	within := ""
	if p.Split != nil {
		within = ", within models " + seconds(m.Step.Within)
	}
	line("", seconds(m.Step.Seconds), fmt.Sprintf("an update: computing %s, sums %s", seconds(m.Step.Compute), seconds(m.Step.Sums))+within)
}

func (p *Plan) printLaws(line liner) {
	l := p.Laws
	line("Chinchilla", short(l.Chinchilla.Tokens), fmt.Sprintf("tokens for N = %s, embeddings counted; loss predicted after yours %.3f", short(l.Chinchilla.N), l.Chinchilla.Loss))
	line("Kaplan et al.", short(l.Kaplan.Tokens), fmt.Sprintf("tokens for N = %s, without embeddings; loss predicted after yours %.3f", short(l.Kaplan.N), l.Kaplan.Loss))
	line("GPT-3's L(C)", "", fmt.Sprintf("loss %.3f of the best size for 6·N·tokens, without embeddings", l.GPT3.Loss))
}

func percent(part, all float64) string { return fmt.Sprintf("%.1f %%", 100*part/all) }

// short formats a number with a unit, as in 300B.
func short(x float64) string {
	switch {
	case x >= 1e15:
		return fmt.Sprintf("%.3g", x)
	case x >= 1e12:
		return fmt.Sprintf("%.4gT", x/1e12)
	case x >= 1e9:
		return fmt.Sprintf("%.4gB", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.4gM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.4gk", x/1e3)
	}
	return fmt.Sprintf("%.4g", x)
}

// figure formats x to three significant digits, written out with commas unless it is very large.
func figure(x float64) string {
	if x < 999.5 || x >= 1e15 {
		return fmt.Sprintf("%.3g", x)
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-2)
	return plural.Thousands(int64(math.Round(x/unit) * unit))
}

// rate formats operations per second.
func rate(x float64) string {
	if x >= 1e12 {
		return fmt.Sprintf("%.4g TFLOP/s", x/1e12)
	}
	return fmt.Sprintf("%.4g GFLOP/s", x/1e9)
}

// seconds formats the time of an update.
func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.3g ms", 1e3*s)
	}
	return figure(s) + " s"
}

// duration formats a number of days in a suitable unit.
func duration(days float64) string {
	switch {
	case days >= 2*365:
		return figure(days/365) + " years"
	case days >= 2:
		return fmt.Sprintf("%.3g days", days)
	case days >= 2.0/24:
		return fmt.Sprintf("%.3g hours", days*24)
	case days >= 2.0/24/60:
		return fmt.Sprintf("%.3g minutes", days*24*60)
	}
	return fmt.Sprintf("%.3g s", days*86400)
}
