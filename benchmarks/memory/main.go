// Command memory compares the peak memory that gorgpt plan predicts with the measured one. Each row is a short
// run, configured like one of gorgpt train, in a separate process, or in two processes if ranks train together.
//
//	go run ./benchmarks/memory
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gorgpt/gorgpt/memory"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/plan"
	"github.com/gorgpt/gorgpt/run"
)

// row is a run to be measured.
type row struct {
	model                             string
	batch, context, accumulate, ranks int
	recompute                         bool
	solver                            string
}

var rows = []row{
	{"gpt2", 4, 64, 1, 1, false, "adamw"},
	{"gpt2", 1, 1024, 1, 1, false, "adamw"},
	{"gpt2", 1, 1024, 1, 1, true, "adamw"},
	{"gpt2", 4, 64, 1, 2, false, "adamw"},
	{"gpt2", 4, 64, 2, 2, false, "adamw"},
	{"gpt2", 4, 64, 1, 1, false, "lion"},
	{"gpt2", 4, 64, 1, 1, false, "muon"},
	{"gpt2-medium", 1, 256, 1, 1, false, "adamw"},
	{"gpt2-nano", 12, 64, 1, 1, false, "adamw"},
}

func main() {
	log.SetFlags(0)
	number := flag.Int("row", -1, "measure this row alone, in this process")
	rank := flag.Int("rank", 0, "rank of this process")
	address := flag.String("peer", "", "where the other rank is")
	flag.Parse()
	if *number >= 0 {
		if err := measured(rows[*number], *rank, *address); err != nil {
			log.Fatal(err)
		}
		return
	}
	fmt.Println("| model | batch × context | | ranks | predicted | measured | predicted / measured |\n|---|---|---|---|---|---|---|")
	for i, r := range rows {
		if err := compare(i, r); err != nil {
			log.Fatal(err)
		}
	}
}

// compare prints a line of the table.
func compare(i int, r row) error {
	m, err := models.Find(r.model)
	if err != nil {
		return err
	}
	if m, err = models.Set(m, "vocab_size=50257"); err != nil { // as the tokenizer will set it
		return err
	}
	p, err := plan.Of(m, plan.Options{Batch: r.batch, Context: r.context, Accumulate: r.accumulate * r.ranks, Ranks: r.ranks, Recompute: r.recompute, Solver: r.solver})
	if err != nil {
		return err
	}
	peak, err := peakOf(i, r.ranks)
	if err != nil {
		return err
	}
	how := []string{r.solver}
	if r.recompute {
		how = append(how, "--recompute")
	}
	if n := r.accumulate * r.ranks; n > r.ranks {
		how = append(how, fmt.Sprintf("--accumulate %d", n))
	}
	fmt.Printf("| %s | %d × %d | %s | %d | %s | %s | %.3f |\n",
		r.model, r.batch, r.context, strings.Join(how, " "), r.ranks, memory.Size(p.Memory.Peak), memory.Size(peak), p.Memory.Peak/peak)
	return nil
}

// peakOf runs a row in as many processes as it has ranks and returns the largest peak of a process.
func peakOf(row, ranks int) (peak float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	address := ""
	if ranks > 1 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		address = free.Addr().String()
		if err := free.Close(); err != nil {
			return 0, err
		}
	}
	var all []*exec.Cmd
	var outs []*strings.Builder
	for rank := range ranks {
		cmd := exec.Command(self, "-row", strconv.Itoa(row), "-rank", strconv.Itoa(rank), "-peer", address)
		out := new(strings.Builder)
		cmd.Stdout, cmd.Stderr = out, os.Stderr
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		all, outs = append(all, cmd), append(outs, out)
	}
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil {
			return 0, err
		}
		x, err := strconv.ParseFloat(strings.TrimSpace(outs[i].String()), 64)
		if err != nil {
			return 0, err
		}
		peak = max(peak, x)
	}
	return peak, nil
}

// measured runs a row and prints the peak memory of this process. All ranks read the same text, which takes as
// much memory as their shares would.
func measured(r row, rank int, address string) (err error) {
	recipe := run.Defaults()
	recipe.Model, recipe.Tokenizer, recipe.Solver, recipe.Recompute = r.model, "gpt2", r.solver, r.recompute
	recipe.Batch, recipe.Context, recipe.Accumulate = r.batch, r.context, r.accumulate*r.ranks
	recipe.Steps, recipe.EvalBatches = 4, 2
	dir, err := os.MkdirTemp("", "memory")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	x, err := run.Create(recipe, filepath.Join(dir, "run"), run.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	if r.ranks > 1 {
		p, err := connect(rank, address)
		if err != nil {
			return err
		}
		x.Trainer.Peers = p
	}
	if err := x.Train(context.Background()); err != nil {
		return err
	}
	if rank == 0 {
		if _, err := x.Finish(context.Background()); err != nil {
			return err
		}
	}
	_, err = fmt.Println(memory.Peak())
	return err
}
