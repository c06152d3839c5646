// Command ranks measures the cost of training with several processes, under Open MPI and MPICH, alternately:
// updates of two ranks with one thread each against one process with two threads, and sums over ranks by the
// fixed tree against those of the library.
//
//	go run ./benchmarks/ranks
//
// It can also measure the sums between two hosts, which are network namespaces joined by a cable with a given
// rate:
//
//	go build -o /tmp/ranks ./benchmarks/ranks
//	benchmarks/ranks/hosts.sh up 1gbit; benchmarks/ranks/hosts.sh openmpi /tmp/ranks; benchmarks/ranks/hosts.sh down
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gorgpt/gorgpt/cluster"
)

func main() {
	log.SetFlags(0)
	numbers := flag.Int("numbers", 124439808, "how many numbers are added up: gpt2's weights")
	rounds := flag.Int("rounds", 3, "runs of each kind, in turns")
	steps := flag.Int("steps", 8, "updates of a run, of which the first two do not count")
	model := flag.String("model", "gpt2", "what is trained")
	solver := flag.String("solver", "adamw", "by what")
	flag.Parse()
	var err error
	if cluster.Launched() {
		err = sums(*numbers, *rounds)
	} else {
		err = compare(*model, *solver, *numbers, *rounds, *steps)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// launchers are the commands that launch two ranks under each library.
var launchers = []struct {
	name    string
	command []string
}{
	{cluster.OpenMPI, []string{"mpirun.openmpi", "--bind-to", "none", "-n", "2"}},
	{cluster.MPICH, []string{"mpiexec.mpich", "-n", "2"}},
}

// sums is what each rank does: it sums numbers over the ranks, first by the tree and then by the library.
func sums(numbers, rounds int) error {
	w, err := cluster.Open(cluster.Options{})
	if err != nil {
		return err
	}
	x := make([]float32, numbers)
	for _, w.Fast = range []bool{false, true} {
		best := time.Duration(1 << 62)
		for range rounds {
			for i := range x {
				x[i] = float32(w.Rank() + 1)
			}
			if _, err := w.SumScalars(nil); err != nil { // wait for all ranks
				return err
			}
			began := time.Now()
			if err := w.Sum(x); err != nil {
				return err
			}
			best = min(best, time.Since(began))
			want := float32(w.Size() * (w.Size() + 1) / 2)
			if i := slices.IndexFunc(x, func(x float32) bool { return x != want }); i >= 0 {
				return fmt.Errorf("sum %d is %v, want %v", i, x[i], want)
			}
		}
		if w.Rank() == 0 {
			fmt.Printf("%v: sum of %d numbers, fast %v: %.3f s\n", w, numbers, w.Fast, best.Seconds())
		}
	}
	return w.Close()
}

// compare runs everything, alternately.
func compare(model, solver string, numbers, rounds, steps int) error {
	dir, err := os.MkdirTemp("", "ranks")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "gorgpt")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/gorgpt").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	train := []string{program, "train", "--model", model, "--solver", solver, "--tokenizer", "gpt2", "--batch", "4", "--context", "64", "--accumulate", "2", "--eval-batches", "1",
		"--steps", fmt.Sprint(steps)}
	type kind struct {
		name    string
		command []string
		threads string
	}
	kinds := []kind{{"one process, 2 threads", train, "2"}}
	for _, l := range launchers {
		for _, more := range [][]string{nil, {"--shard-optimizer=false"}, {"--sum", "fast"}, {"--overlap"}} {
			kinds = append(kinds, kind{fmt.Sprint(l.name, ", 2 ranks ", strings.Join(more, " ")), slices.Concat(l.command, train, more), "1"})
		}
	}
	best := make([]float64, len(kinds))
	for round := range rounds {
		for i, k := range kinds {
			out := filepath.Join(dir, fmt.Sprint(round, "-", i))
			said, err := run(append(slices.Clone(k.command), "--out", out), "GOMAXPROCS="+k.threads)
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", k.name, err, said)
			}
			rate, err := rateOf(filepath.Join(out, "metrics.jsonl"))
			if err != nil {
				return err
			}
			best[i] = max(best[i], rate)
			fmt.Printf("%-40s %8.1f tokens/s; best %8.1f, of one process %.2f\n", k.name, rate, best[i], best[i]/best[0])
			for line := range strings.Lines(said) {
				if strings.Contains(line, "waiting for the others") {
					fmt.Print("    ", line)
				}
			}
			if err := os.RemoveAll(out); err != nil {
				return err
			}
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, l := range launchers {
		said, err := run(append(slices.Clone(l.command), self, "-numbers", fmt.Sprint(numbers), "-rounds", fmt.Sprint(3*rounds)), "GOMAXPROCS=1")
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", l.name, err, said)
		}
		fmt.Print(said)
	}
	return nil
}

// run runs a command and returns its output.
func run(command []string, more ...string) (string, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"), more...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// rateOf returns the median rate of a run's updates, without the first two.
func rateOf(path string) (float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var rates []float64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct {
			Step int     `json:"step"`
			Rate float64 `json:"tokens_per_s"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		if line.Rate > 0 && line.Step > 2 {
			rates = append(rates, line.Rate)
		}
	}
	if len(rates) == 0 {
		return 0, fmt.Errorf("%s: no updates", path)
	}
	slices.Sort(rates)
	return rates[len(rates)/2], nil
}
