package graph

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// PiecesCheck holds the settings of [CheckPieces]; the zero value suits functions of float inputs.
type PiecesCheck struct {
	// Sequences and Positions say how many sequences of how many positions are run; 0 means 3 and 12.
	Sequences, Positions int
	// Ints and Floats are the values of inputs for whole sequences, with a row for each position. A float input
	// that is not given is drawn from N(0, 1).
	Ints   map[string][]int
	Floats map[string][]float32
	// Tolerance is how far two values may differ, relative to the larger of the value and the mean of all
	// values; 0 means 1e-4.
	Tolerance float64
	// Runs is how often the sequences are cut into pieces, differently each time; 0 means 10.
	Runs int
	// Seed is the seed for parameters, inputs and cuts.
	Seed uint64
	// Options are options of the graphs, such as edits.
	Options []Option
}

// CheckPieces compares a function that is given sequences piece by piece, over a [Cache], with the same
// function of the whole sequences. It checks whether the function's ops work row by row as they declare
// ([Op.RowWise]), remember what they need of the past ([Scope.Remember]), and know their positions
// ([Scope.Past]). In a test of your own op or layer:
//
//	err := graph.CheckPieces(graph.PiecesCheck{}, func(s *graph.Scope) *gorgonia.Node {
//		batch, context := s.Sequence()
//		return MyOp(s, s.Floats("x", batch*context, 8))
//	})
//
// The function is declared for pieces of many lengths: its inputs are (B·T, …) or (B, T), and it returns rows
// (B·T, …). The cuts are random and differ between sequences, so that sequences have different pasts, and the
// end of a piece may be padding ([Cache.Count]).
func CheckPieces(c PiecesCheck, declare func(s *Scope) *G.Node) error {
	for _, n := range []struct {
		value *int
		zero  int
	}{{&c.Sequences, 3}, {&c.Positions, 12}, {&c.Runs, 10}} {
		if *n.value == 0 {
			*n.value = n.zero
		}
	}
	if c.Tolerance == 0 {
		c.Tolerance = 1e-4
	}
	if c.Sequences < 1 || c.Positions < 2 || c.Runs < 1 {
		return fmt.Errorf("graph: CheckPieces: %d sequences of %d positions, %d runs; want 1 or more of 2 or more, 1 or more", c.Sequences, c.Positions, c.Runs)
	}
	k := &piecesCheck{
		PiecesCheck: c, declare: declare, params: NewParams(c.Seed), random: rand.New(rand.NewPCG(c.Seed, 2)),
		cache: NewCache(c.Sequences, c.Positions), pieces: make(map[int]*declaredPiece),
	}
	err := k.check()
	for _, p := range k.pieces {
		err = errors.Join(err, p.program.Close())
	}
	if err != nil {
		return fmt.Errorf("graph: CheckPieces: %w", err)
	}
	return nil
}

// piecesCheck is a check in progress.
type piecesCheck struct {
	PiecesCheck
	declare func(s *Scope) *G.Node
	params  *Params
	random  *rand.Rand
	cache   *Cache
	whole   *declaredPiece
	want    []float64              // of the whole sequences
	pieces  map[int]*declaredPiece // by length; the whole sequences are under 0
}

// declaredPiece is the function for pieces of one length.
type declaredPiece struct {
	*Scope
	program *Program
	out     *G.Node
	length  int
}

// compile declares the function for pieces of n positions.
func (k *piecesCheck) compile(n int, options ...Option) (*declaredPiece, error) {
	s := New(k.params, slices.Concat(k.Options, options)...)
	s.SetSequence(k.Sequences, n)
	d := &declaredPiece{Scope: s, out: s.Require("CheckPieces", "what the function returns", k.declare(s)), length: n}
	s.Past()
	if shape, rows := d.out.Shape(), k.Sequences*n; s.Err() == nil && (shape.Dims() == 0 || shape[0] != rows && (shape.Dims() < 2 || shape[0]*shape[1] != rows)) {
		return nil, fmt.Errorf("the function returns %v for %d sequences of %d positions; want rows (%d, …)", shape, k.Sequences, n, rows)
	}
	var err error
	d.program, err = s.Compile(d.out)
	return d, err
}

// check runs the whole sequences, and then pieces of them.
func (k *piecesCheck) check() (err error) {
	if k.whole, err = k.compile(k.Positions); err != nil {
		return err
	}
	k.pieces[0] = k.whole
	k.draw()
	all := slices.Repeat([]int{k.Positions}, k.Sequences)
	values, err := k.run(k.whole, make([]int, k.Sequences), all)
	if err != nil {
		return err
	}
	for _, v := range values {
		k.want = append(k.want, float64(v))
	}
	for range k.Runs {
		if err := k.cut(); err != nil {
			return err
		}
	}
	return nil
}

// draw draws the float inputs that were not given.
func (k *piecesCheck) draw() {
	given := k.Floats
	k.Floats = make(map[string][]float32)
	for _, name := range sortedKeys(k.whole.inputs) {
		n := k.whole.inputs[name]
		if n.Dtype() != tensor.Float32 || k.params.Get(name) != nil {
			continue
		}
		if k.Floats[name] = given[name]; given[name] == nil {
			for range n.Shape().TotalSize() {
				k.Floats[name] = append(k.Floats[name], float32(k.random.NormFloat64()))
			}
		}
	}
}

// cut runs the sequences from beginning to end in random pieces.
func (k *piecesCheck) cut() (err error) {
	past, counts := make([]int, k.Sequences), make([]int, k.Sequences)
	done := make([]bool, k.Sequences) // sequences that only get padding from now on
	for slices.Contains(done, false) {
		n := 1 + k.random.IntN(min(k.Positions-1, k.Positions-slices.Max(past)))
		if k.pieces[n] == nil {
			if k.pieces[n], err = k.compile(n, Incremental(k.cache)); err != nil {
				delete(k.pieces, n)
				return err
			}
		}
		for b := range counts {
			if counts[b] = 1 + k.random.IntN(n); k.random.IntN(2) == 0 {
				counts[b] = n
			}
			if done[b] {
				counts[b] = 0
			}
		}
		values, err := k.run(k.pieces[n], past, counts)
		if err != nil {
			return err
		}
		if err := k.compare(values, n, past, counts); err != nil {
			return err
		}
		for b := range past {
			if past[b] += counts[b]; past[b] == k.Positions {
				past[b], done[b] = 0, true
			}
		}
	}
	return nil
}

// run runs pieces of the sequences and returns the results.
func (k *piecesCheck) run(d *declaredPiece, past, counts []int) ([]float32, error) {
	for _, name := range sortedKeys(d.program.ints) {
		x := past
		if name != "past" {
			var err error
			if x, err = pieceOf(k, d, name, k.Ints[name], past, counts); err != nil {
				return nil, err
			}
		}
		if err := d.program.SetInts(name, x); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(d.program.floats) {
		x, err := pieceOf(k, d, name, k.Floats[name], past, counts)
		if err != nil {
			return nil, err
		}
		if err := d.program.SetFloats(name, x); err != nil {
			return nil, err
		}
	}
	if d.cache != nil {
		d.cache.Count(counts)
	}
	if err := d.program.Run(); err != nil {
		return nil, err
	}
	return d.program.Value(d.out), nil
}

// pieceOf returns the values of an input that belong to pieces, with 0 for padding.
func pieceOf[E any](k *piecesCheck, d *declaredPiece, name string, whole []E, past, counts []int) ([]E, error) {
	n, all := d.inputs[name], k.whole.inputs[name]
	if all == nil {
		return nil, fmt.Errorf("input %s exists only in the graph of pieces", name)
	}
	size, rows := all.Shape().TotalSize(), k.Sequences*k.Positions
	if len(whole) != size {
		return nil, fmt.Errorf("input %s has %d values, want %d for shape %v of whole sequences", name, len(whole), size, all.Shape())
	}
	each := size / rows
	if size%rows != 0 || n.Shape().TotalSize() != each*k.Sequences*d.length {
		return nil, fmt.Errorf("input %s is %v for %d positions and %v for %d; want a row for each position", name, all.Shape(), k.Positions, n.Shape(), d.length)
	}
	piece := make([]E, each*k.Sequences*d.length)
	for b, count := range counts {
		copy(piece[b*d.length*each:], whole[(b*k.Positions+past[b])*each:][:count*each])
	}
	return piece, nil
}

// compare compares the results for pieces of n positions with those of the whole sequences.
func (k *piecesCheck) compare(values []float32, n int, past, counts []int) error {
	each, average := len(values)/(k.Sequences*n), mean(k.want)
	if each*k.Sequences*k.Positions != len(k.want) {
		return fmt.Errorf("the function returns %v for %d positions and %v for %d", k.whole.out.Shape(), k.Positions, k.pieces[n].out.Shape(), n)
	}
	for b, count := range counts {
		for i, got := range values[b*n*each:][:count*each] {
			want := k.want[(b*k.Positions+past[b])*each+i]
			if !near(float64(got), want, k.Tolerance, average, 0) {
				return fmt.Errorf("sequence %d, position %d, run after %d others in a piece of %d: number %d of the row is %v, of the whole sequence %v: an op depends on more than it declares (Op.RowWise), or on its place in the piece (Scope.Past)",
					b, past[b]+i/each, past[b], n, i%each, got, want)
			}
		}
	}
	return nil
}
