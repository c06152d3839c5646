// Command mutate tells what the tests would not notice. It draws small changes of the code at
// random, one at a time, and runs the tests of the changed package, then those of the packages
// that depend on it:
//
//	go run ./internal/mutate -seed 7 -n 300 -out mutants.jsonl
//
// Nothing in the checkout is changed: the go command sees the changed file through -overlay. A
// change that does not compile is drawn again. What survives is either a hole in the tests or a
// change without effect, as of a capacity or a speed: somebody has to read it.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// result is a line of the output.
type result struct {
	Site
	Outcome string  `json:"outcome"` // own, others, timeout or survived
	By      string  `json:"by,omitempty"`
	Seconds float64 `json:"seconds"`
}

func main() {
	seed := flag.Uint64("seed", 1, "seed of the draw")
	n := flag.Int("n", 300, "changes that compile")
	workers := flag.Int("workers", 2, "changes tried at the same time")
	out := flag.String("out", "mutants.jsonl", "results, a line each; those that are there already are not tried again")
	skip := flag.String("skip", "benchmarks,notebooks,internal/mutate,internal/kernel/gen,recipes", "folders to leave out, with commas")
	only := flag.String("only", "", "folders to draw from, with commas; all by default")
	own := flag.Bool("own", false, "run the tests of the changed package alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *seed, *n, *workers, *own, *out, list(*skip), list(*only)); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// run draws sites until n of them compiled, and appends what became of each to the file out.
func run(ctx context.Context, seed uint64, n, workers int, own bool, out string, skip, only []string) error {
	tree, err := readTree(ctx)
	if err != nil {
		return err
	}
	sites, err := draw(tree, seed, skip, only)
	if err != nil {
		return err
	}
	done, err := readResults(out)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(os.Stderr, "%d places; %d of %d tried before\n", len(sites), len(done), n)

	var (
		mu     sync.Mutex
		next   int
		counts = map[string]int{}
		failed error
		wg     sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				if failed != nil || ctx.Err() != nil || next == len(sites) || len(done)+total(counts) >= n {
					mu.Unlock()
					return
				}
				s := sites[next]
				next++
				mu.Unlock()
				if done[s.key()] {
					continue
				}
				start := time.Now()
				r, err := tree.try(ctx, s, own)
				r.Seconds = time.Since(start).Round(100 * time.Millisecond).Seconds()
				mu.Lock()
				switch {
				case err != nil && ctx.Err() == nil:
					failed = err
				case err == nil && r.Outcome != "":
					counts[r.Outcome]++
					failed = json.NewEncoder(f).Encode(r)
					fmt.Fprintf(os.Stderr, "%d %-8s %s:%d %s\n", len(done)+total(counts), r.Outcome, s.File, s.Line, s.Change)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Fprintln(os.Stderr, counts)
	return failed
}

// draw is all changes that there are, in an order of the seed's.
func draw(t *tree, seed uint64, skip, only []string) ([]Site, error) {
	var sites []Site
	for dir, files := range t.files {
		if within(dir, skip) || len(only) > 0 && !within(dir, only) {
			continue
		}
		for _, file := range files {
			found, err := Sites(file)
			if err != nil {
				return nil, err
			}
			sites = append(sites, found...)
		}
	}
	sortSites(sites) // the order of a map is not the seed's
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	return sites, nil
}

func total(counts map[string]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

func within(dir string, folders []string) bool {
	for _, f := range folders {
		if dir == f || strings.HasPrefix(dir, f+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// readResults is the keys of the changes that a former run tried.
func readResults(name string) (map[string]bool, error) {
	done := map[string]bool{}
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return done, nil
	}
	for line := range strings.Lines(string(text)) {
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		done[r.key()] = true
	}
	return done, err
}
