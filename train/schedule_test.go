package train

import (
	"fmt"
	"math"
	"testing"
)

// tolCosine is two units in the last place of float64, because Go's cosine and that of the C library, which
// Python calls, round differently.
const tolCosine = 4e-16

func TestCosineIsNanoGPTs(t *testing.T) {
	// nanoGPT's get_lr, evaluated by Python 3.11 for learning_rate 1e-3, min_lr
	// 1e-4, warmup_iters 100, lr_decay_iters 2000:
	//   for it in (0, 1, 50, 99, 100, 101, 525, 1050, 1575, 1999, 2000, 2001, 5000): print(it, repr(get_lr(it)))
	rate := Cosine(1e-3, 1e-4, 100, 2000)
	for _, c := range []struct {
		i    int
		want float64
	}{
		{0, 9.900990099009901e-06},
		{1, 1.9801980198019803e-05},
		{50, 0.000504950495049505},
		{99, 0.0009900990099009901},
		{100, 0.001},
		{101, 0.0009999993848585915},
		{525, 0.000893387830689913},
		{1050, 0.00055},
		{1575, 0.00020661216931008714},
		{1999, 0.00010000061514140841},
		{2000, 0.0001},
		{2001, 0.0001},
		{5000, 0.0001},
	} {
		if got := rate(c.i); math.Abs(got/c.want-1) > tolCosine {
			t.Errorf("rate of update %d is %v, want %v", c.i, got, c.want)
		}
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name          string
		warmup, decay int
		rates         map[int]float64
	}{
		{"linear", 3, 13, map[int]float64{0: 1, 1: 2, 2: 3, 3: 4, 8: 2.5, 12: 1.3, 13: 1, 99: 1}},
		{"cosine", 0, 10, map[int]float64{0: 4, 5: 2.5, 10: 1, 99: 1}},
		{"cosine", 5, 5, map[int]float64{4: 4 * 5. / 6, 5: 1}},
		{"wsd", 3, 40, map[int]float64{0: 1, 3: 4, 36: 4, 38: 2.5, 40: 1, 99: 1}},
		{"constant", 3, 0, map[int]float64{0: 1, 2: 3, 3: 4, 1 << 40: 4}},
	} {
		s, err := ParseSchedule(c.name, 4, 1, c.warmup, c.decay)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.rates {
			if got := s(i); math.Abs(got-want) > 1e-15*4 { // two roundings of float64
				t.Errorf("%s(4, 1, %d, %d): rate of update %d is %v, want %v", c.name, c.warmup, c.decay, i, got, want)
			}
		}
	}
}

func TestParseScheduleErrors(t *testing.T) {
	for _, c := range []struct {
		name          string
		high, low     float64
		warmup, decay int
		want          string
	}{
		{"cosin", 1, 0, 0, 1, `unknown schedule "cosin"; did you mean "cosine"?`},
		{"Liner", 1, 0, 0, 1, `unknown schedule "Liner"; did you mean "linear"?`},
		{"const", 1, 0, 0, 1, `unknown schedule "const"; want one of cosine, linear, wsd, constant`},
		{"cosine", 0, 0, 0, 1, `learning rate is 0, want a number above 0`},
		{"cosine", math.NaN(), 0, 0, 1, `learning rate is NaN, want a number above 0`},
		{"cosine", 1, 2, 0, 1, `lowest learning rate is 2, want 0 to 1`},
		{"constant", 1, 0, -1, 1, `warm-up is -1 updates, want 0 or more`},
		{"linear", 1, 0, 10, 9, `the learning rate reaches its lowest value at update 9, before the warm-up of 10 ends`},
	} {
		if _, err := ParseSchedule(c.name, c.high, c.low, c.warmup, c.decay); err == nil || err.Error() != c.want {
			t.Errorf("error is %v, want %s", err, c.want)
		}
	}
}

func ExampleCosine() {
	rate := Cosine(6e-4, 6e-5, 2, 10)
	for _, i := range []int{0, 1, 2, 6, 10, 11} {
		fmt.Printf("%.2e ", rate(i))
	}
	// Output: 2.00e-04 4.00e-04 6.00e-04 3.30e-04 6.00e-05 6.00e-05
}
