// Command mutate finds changes of the code that the tests do not notice. It makes small random changes, one at a
// time, and runs the tests of the changed package, then those of the packages that depend on it:
//
//	go run ./internal/mutate -seed 7 -n 300 -out mutants.jsonl
//
// Nothing in the checkout is changed: the go command sees the changed file through -overlay. Changes that do not
// compile do not count. A change that survives is either a hole in the tests or has no effect on results, such as
// a change of a capacity or of speed: somebody has to look at it.
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

// result is one line of the output.
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
	again := flag.String("again", "", "try what survived in these results instead of drawing, as after a run with -own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *seed, *n, *workers, *own, *out, *again, list(*skip), list(*only)); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

// run tries changes until n of them have compiled, and appends the outcome of each to the file out.
func run(ctx context.Context, seed uint64, n, workers int, own bool, out, again string, skip, only []string) error {
	tree, err := readTree(ctx)
	if err != nil {
		return err
	}
	var sites []Site
	if again == "" {
		sites, err = draw(tree, seed, skip, only)
	} else {
		sites, err = survivors(again)
	}
	if err != nil {
		return err
	}
	before, err := readResults(out)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	t := trial{tree: tree, own: own, sites: sites, n: n, done: map[string]bool{}, counts: map[string]int{}, out: json.NewEncoder(f)}
	for _, r := range before {
		t.done[r.key()] = true
		t.tried++
	}
	fmt.Fprintf(os.Stderr, "%d places; %d of %d tried before\n", len(sites), t.tried, n)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { t.work(ctx) })
	}
	wg.Wait()
	fmt.Fprintln(os.Stderr, t.counts)
	return t.failed
}

// trial is shared by the workers.
type trial struct {
	tree *tree
	own  bool
	n    int
	out  *json.Encoder

	mu     sync.Mutex
	sites  []Site // not tried yet
	done   map[string]bool
	tried  int
	counts map[string]int
	failed error
}

// work tries one change after another.
func (t *trial) work(ctx context.Context) {
	for {
		s, ok := t.next()
		if !ok || ctx.Err() != nil {
			return
		}
		start := time.Now()
		r, err := t.tree.try(ctx, s, t.own)
		r.Seconds = time.Since(start).Round(100 * time.Millisecond).Seconds()
		if ctx.Err() == nil {
			t.note(r, err)
		}
	}
}

func (t *trial) next() (Site, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.sites) > 0 && t.failed == nil && t.tried < t.n {
		s := t.sites[0]
		t.sites = t.sites[1:]
		if !t.done[s.key()] {
			return s, true
		}
	}
	return Site{}, false
}

// note records the outcome of a change. A change that did not compile does not count.
func (t *trial) note(r result, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		t.failed = err
	case r.Outcome != "":
		t.tried++
		t.counts[r.Outcome]++
		t.failed = t.out.Encode(r)
		fmt.Fprintf(os.Stderr, "%d %-8s %s:%d %s\n", t.tried, r.Outcome, r.File, r.Line, r.Change)
	}
}

// draw returns all possible changes, in a random order that depends on the seed.
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
	sortSites(sites) // the order of a map is random
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	return sites, nil
}

func within(dir string, folders []string) bool {
	for _, f := range folders {
		if dir == f || strings.HasPrefix(dir, f+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// readResults reads the results of an earlier run.
func readResults(name string) ([]result, error) {
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var all []result
	for line := range strings.Lines(string(text)) {
		var r result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
	}
	return all, err
}

// survivors returns the changes that no test noticed in an earlier run.
func survivors(name string) ([]Site, error) {
	all, err := readResults(name)
	var sites []Site
	for _, r := range all {
		if r.Outcome == "survived" {
			sites = append(sites, r.Site)
		}
	}
	return sites, err
}
