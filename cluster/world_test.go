package cluster

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/train"
)

// given returns a rank's n summands: numbers whose sum depends on the order.
func given(rank, n int) []float32 {
	random := rand.New(rand.NewPCG(uint64(rank), 7))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}

// treeSum sums as package train sums the micro-batches of one process.
func treeSum[E float32 | float64](x [][]E) []E {
	if len(x) == 1 {
		return slices.Clone(x[0])
	}
	half := 1 << (bits.Len(uint(len(x)-1)) - 1)
	sum := treeSum(x[:half])
	for i, v := range treeSum(x[half:]) {
		sum[i] += v
	}
	return sum
}

func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// checkSums checks sums on every rank, with any backend. The rank program uses it too.
func checkSums(w *World) error {
	ranks := make([][]float32, w.Size())
	for _, n := range []int{0, 1, 2, 3, 7, 4095, 4096, 4097, 140001} {
		for r := range ranks {
			ranks[r] = given(r, n)
		}
		want := treeSum(ranks)
		got := given(w.Rank(), n)
		if err := w.Sum(got); err != nil {
			return err
		}
		if !w.Fast && !sameBits(got, want) {
			return fmt.Errorf("rank %d of %d: the sum of %d numbers is not the tree's", w.Rank(), w.Size(), n)
		}
		for i, x := range got {
			if math.Abs(float64(x-want[i])) > 1e-5 { // 8 normally distributed numbers: an ulp or two of 20
				return fmt.Errorf("rank %d of %d: number %d of %d is %v, want %v", w.Rank(), w.Size(), i, n, x, want[i])
			}
		}
	}
	if err := errors.Join(checkMany(w), checkParts(w, w.Rank(), w.Size(), w.Fast)); err != nil {
		return err
	}
	wide := make([][]float64, w.Size())
	for r := range wide {
		wide[r] = []float64{math.Pi * float64(r+1), 1e-17, float64(r)}
	}
	mine := slices.Clone(wide[w.Rank()])
	got, err := w.SumScalars(mine)
	if err != nil {
		return err
	}
	if want := treeSum(wide); !slices.Equal(got, want) || !slices.Equal(mine, wide[w.Rank()]) {
		return fmt.Errorf("rank %d of %d: scalars are %v, want %v", w.Rank(), w.Size(), got, want)
	}
	for from := range w.Size() {
		x := given(w.Rank(), 200001)
		if err := w.Give(x, from); err != nil {
			return err
		}
		if !sameBits(x, given(from, len(x))) {
			return fmt.Errorf("rank %d of %d: rank %d gives something else", w.Rank(), w.Size(), from)
		}
	}
	return nil
}

// checkMany is checkSums for several slices at once: none, short ones, long ones, and slices that are longer
// than a piece and have to be cut.
func checkMany(w *World) error {
	for _, lengths := range [][]int{{}, {0, 0}, {1, 2, 0, 3}, {4096, 1, 5}, {3, 70001, 0, 768, 768, 12345}, {1, 5<<20 + 1, 17, 3 << 20}} {
		if w.Size() > 2 {
			lengths = slices.DeleteFunc(slices.Clone(lengths), func(n int) bool { return n > 1<<20 }) // would take too long
		}
		got, ranks := make([][]float32, len(lengths)), make([][]float32, w.Size())
		for i, n := range lengths {
			got[i] = given(w.Rank(), n)
		}
		if err := w.Sum(got...); err != nil {
			return err
		}
		for i, n := range lengths {
			for r := range ranks {
				ranks[r] = given(r, n)
			}
			if !w.Fast && !sameBits(got[i], treeSum(ranks)) {
				return fmt.Errorf("rank %d of %d: of slices of %v numbers, sum %d is not the tree's", w.Rank(), w.Size(), lengths, i)
			}
		}
	}
	return nil
}

// checkParts is checkSums for sums of which each rank gets only its part: of several slices, short, long, or nothing.
func checkParts(ranks train.Scatterer, rank, size int, fast bool) error {
	for _, lengths := range [][]int{{}, {3}, {0, 70001, 5}, {12345, 1, 4096, 2}} {
		parts := make([][][]float32, size)
		whole := make([][][][]float32, size) // of each rank, for every slice of each part
		for owner := range parts {
			if len(lengths) == 0 || owner == 1 && len(lengths) == 3 {
				continue // has no part
			}
			for _, n := range lengths {
				n += owner
				parts[owner] = append(parts[owner], given(rank, n))
				var all [][]float32
				for r := range size {
					all = append(all, given(r, n))
				}
				whole[owner] = append(whole[owner], all)
			}
		}
		if err := ranks.SumScatter(parts); err != nil {
			return err
		}
		if err := ranks.Gather(parts); err != nil {
			return err
		}
		for owner, part := range parts {
			for i, x := range part {
				if want := treeSum(whole[owner][i]); !fast && !sameBits(x, want) {
					return fmt.Errorf("rank %d of %d: slice %d of rank %d's part is not the tree's", rank, size, i, owner)
				}
			}
		}
	}
	return nil
}

// TestSums: for any number of ranks, sums are bit for bit those of the tree in one process.
func TestSums(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 5, 6, 7, 8} {
		for _, fast := range []bool{false, true} {
			all, under := worlds(t, size, Options{})
			for _, w := range all {
				w.Fast = fast
			}
			for _, err := range together(t, all, checkSums) {
				if err != nil {
					t.Error(err)
				}
			}
			for i, err := range together(t, all, (*World).Close) {
				if err != nil || *under[i].ended != 1 {
					t.Errorf("rank %d of %d: Close: %v, ended %d times", i, size, err, *under[i].ended)
				}
			}
			if err := all[0].Sum([]float32{1}); err == nil || err.Error() != "cluster: the world is closed" {
				t.Error(err)
			}
		}
	}
}

// TestLeave: ranks that are in a call, or make one afterwards, are told which rank has left and why,
// and all ranks can close.
func TestLeave(t *testing.T) {
	for _, size := range []int{2, 3, 4, 7} {
		all, under := worlds(t, size, Options{})
		reason := errors.New("the disk is full")
		for i, err := range together(t, all, func(w *World) error {
			if w.Rank() == 1 {
				w.Leave(reason)
				w.Leave(errors.New("another reason, too late"))
			}
			_, err := w.SumScalars([]float64{1})
			if again := w.Sum([]float32{1}); again != err {
				t.Errorf("rank %d: %v, then %v", w.Rank(), err, again)
			}
			return err
		}) {
			if err == nil || err.Error() != "rank 1 has stopped: the disk is full" {
				t.Errorf("rank %d of %d: %v", i, size, err)
			}
		}
		for i, err := range together(t, all, (*World).Close) {
			if err != nil || *under[i].ended != 1 {
				t.Errorf("rank %d: Close: %v, ended %d times", i, err, *under[i].ended)
			}
		}
	}
	all, _ := worlds(t, 2, Options{})
	for i, err := range together(t, all, func(w *World) error { // all leave at once, for a reason that is too long
		w.Leave(errors.New(strings.Repeat("x", 3*mostReason) + fmt.Sprint(w.Rank())))
		return w.Sum(nil)
	}) {
		if err == nil || err.Error() != "rank 0 has stopped: "+strings.Repeat("x", mostReason) {
			t.Errorf("rank %d: %v", i, err)
		}
	}
}

// TestDiffer: if ranks make different calls, the error says which.
func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		do   func(w *World) error
		want string
	}{
		{func(w *World) error { return w.Sum(make([]float32, 5+w.Rank()/2)) }, "rank 0 calls Sum of 5 numbers, but rank 2 calls Sum of 6 numbers"},
		{func(w *World) error {
			if w.Rank() == 1 {
				return w.Close()
			}
			_, err := w.SumScalars(make([]float64, 3))
			return err
		}, "rank 0 calls SumScalars of 3 numbers, but rank 1 calls Close"},
	} {
		for _, size := range []int{3, 4} {
			all, _ := worlds(t, size, Options{})
			closed := make([]bool, size)
			errs := make([]error, size)
			for i, err := range together(t, all, func(w *World) error {
				errs[w.Rank()] = c.do(w)
				closed[w.Rank()] = true
				return w.Close()
			}) {
				if errs[i] == nil || errs[i].Error() != c.want || err != nil || !closed[i] {
					t.Errorf("rank %d of %d: %v, want %s; Close: %v", i, size, errs[i], c.want, err)
				}
			}
		}
	}
}

// TestBroken: after an error in the library nothing is called anymore, not even to end it.
func TestBroken(t *testing.T) {
	all, under := worlds(t, 2, Options{})
	broken := errors.New("the network is gone")
	*under[0].fail, *under[1].fail = broken, broken
	for i, err := range together(t, all, func(w *World) error { return w.Sum([]float32{1}) }) {
		if !errors.Is(err, broken) {
			t.Errorf("rank %d: %v", i, err)
		}
	}
	for i, w := range all {
		w.Leave(errors.New("a reason"))
		if err := w.Close(); !errors.Is(err, broken) || *under[i].ended != 0 {
			t.Errorf("rank %d: Close: %v, ended %d times", i, err, *under[i].ended)
		}
	}
}

// TestStall: a rank that waits too long for the others reports where it waits.
func TestStall(t *testing.T) {
	reports := make(chan string, 1)
	all, _ := worlds(t, 2, Options{Patience: 20 * time.Millisecond, Stall: func(report string) { reports <- report }})
	together(t, all, func(w *World) error { return w.Sum(nil) })
	all[1].At("step 12")
	waits := make(chan error)
	go func() { waits <- all[1].Sum(make([]float32, 3)) }()
	report := <-reports
	for _, want := range []string{"rank 1 of 2 on ", "for 20ms, at step 12, in Sum of 3 numbers (its call 3), after Sum of 0 numbers (its call 2): "} {
		if !strings.Contains(report, want) {
			t.Errorf("%s; want …%s…", report, want)
		}
	}
	if err := all[0].Sum(make([]float32, 3)); err != nil {
		t.Error(err)
	}
	if err := <-waits; err != nil {
		t.Error(err)
	}
}

// TestShares: rank 0 reports how long each rank has waited.
func TestShares(t *testing.T) {
	all, _ := worlds(t, 3, Options{})
	lines := make([][]string, 3)
	for rank, err := range together(t, all, func(w *World) (err error) {
		if w.Rank() == 1 {
			time.Sleep(50 * time.Millisecond) // the others wait for this rank
		}
		if err := w.Sum(make([]float32, 10)); err != nil {
			return err
		}
		lines[w.Rank()], err = w.Shares()
		return err
	}) {
		if err != nil {
			t.Errorf("rank %d: %v", rank, err)
		}
	}
	if len(lines[0]) != 3 || lines[1] != nil || lines[2] != nil {
		t.Fatal(lines)
	}
	for rank, line := range lines[0] {
		var got int
		var whole, waited, called float64
		n, err := fmt.Sscanf(line, "rank %d: of %f s, %f %% waiting for the others and %f %% in sums", &got, &whole, &waited, &called)
		if err != nil || n != 4 || got != rank || waited < 0 || called < 0 || waited+called > 101 || rank == 0 && waited == 0 {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestOpenFails: if the library cannot be loaded, Open returns that error.
func TestOpenFails(t *testing.T) {
	want := errors.New("no library")
	if w, err := open(Options{}, func() (backend, error) { return nil, want }); w != nil || err != want {
		t.Error(w, err)
	}
}

// ExampleOpen opens the world of a process that was started without a launcher: it has one rank.
func ExampleOpen() {
	w, err := Open(Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := []float32{1, 2}
	fmt.Println(w, w.Rank(), w.Size(), w.Sum(x), x, w.Close())
	// Output: one process 0 1 <nil> [1 2] <nil>
}
