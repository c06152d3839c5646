package weights_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Two heads of four rows, each of one number.
func ExampleHalves() {
	rows := []float32{0, 1, 2, 3, 10, 11, 12, 13}
	halves := make([]float32, len(rows))
	weights.Halves(halves, rows, 2, 1)
	fmt.Println(halves)
	// Output: [0 2 1 3 10 12 11 13]
}

// TestPairs: both conversions, and the round trip, for rows of several columns.
func TestPairs(t *testing.T) {
	const heads, size, cols = 3, 6, 5
	x := make([]float32, heads*size*cols)
	for i := range x {
		x[i] = float32(i)
	}
	halves, back := make([]float32, len(x)), make([]float32, len(x))
	weights.Halves(halves, x, heads, cols)
	weights.Pairs(back, halves, heads, cols)
	if !slices.Equal(back, x) {
		t.Errorf("back again it is %v", back)
	}
	// Head 1, the second row of its pair 2: row 5 in pairs, row 2+3 in halves.
	for col := range cols {
		if got, want := halves[(6+5)*cols+col], x[(6+5)*cols+col]; got != want {
			t.Errorf("the last row, column %d, is %v, want %v", col, got, want)
		}
		if got, want := halves[(6+3)*cols+col], x[(6+1)*cols+col]; got != want {
			t.Errorf("row 3 of head 1, column %d, is %v, want %v", col, got, want)
		}
	}
}
