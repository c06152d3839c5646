package cluster

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

// checkGroupParts is checkGrid for sums of which each member gets only its part.
func checkGroupParts(g *Group) error {
	parts := make([][][]float32, g.Size())
	for owner := range parts {
		parts[owner] = [][]float32{given(g.world.rank, 1000+owner), given(g.world.rank, 3)}
	}
	if err := errors.Join(g.SumScatter(parts), g.Gather(parts)); err != nil {
		return err
	}
	for owner, part := range parts {
		for i, x := range part {
			var all [][]float32
			for _, r := range g.members {
				all = append(all, given(r, len(x)))
			}
			if !sameBits(x, treeSum(all)) {
				return fmt.Errorf("rank %d of %v: slice %d of the part of %d is not the tree's", g.world.rank, g.members, i, owner)
			}
		}
	}
	return nil
}

// checkGrid checks groups for models split over the given number of ranks, on every rank and with any
// backend. The rank program uses it too.
func checkGrid(w *World, model int) error {
	within, across, err := w.Grid(model)
	if err != nil {
		return err
	}
	for _, g := range []*Group{within, across, within} {
		if g.members[g.Rank()] != w.Rank() || g.Size() != map[bool]int{true: model, false: w.Size() / model}[g == within] {
			return fmt.Errorf("rank %d is number %d of %v", w.Rank(), g.Rank(), g.members)
		}
		for _, n := range []int{0, 1, 7, 4097, 140001} {
			var all [][]float32
			for _, r := range g.members {
				all = append(all, given(r, n))
			}
			want, most := treeSum(all), slices.Clone(all[0])
			for _, x := range all[1:] {
				largest(most, x)
			}
			sum, greatest := given(w.Rank(), n), given(w.Rank(), n)
			if err := errors.Join(g.Sum(sum), g.Max(greatest)); err != nil {
				return err
			}
			if !sameBits(sum, want) || !sameBits(greatest, most) {
				return fmt.Errorf("rank %d of %v: of %d numbers the sum or the maximum is another", w.Rank(), g.members, n)
			}
		}
		scalars, err := g.SumScalars([]float64{float64(w.Rank()), 1})
		total := 0
		for _, r := range g.members {
			total += r
		}
		if err != nil || !slices.Equal(scalars, []float64{float64(total), float64(g.Size())}) {
			return fmt.Errorf("rank %d of %v: scalars are %v, %w", w.Rank(), g.members, scalars, err)
		}
		for from, r := range g.members {
			x := given(w.Rank(), 200001)
			if err := g.Give(x, from); err != nil {
				return err
			}
			if !sameBits(x, given(r, len(x))) {
				return fmt.Errorf("rank %d of %v: rank %d gives something else", w.Rank(), g.members, from)
			}
		}
		if err := checkGroupParts(g); err != nil {
			return err
		}
		nan := []float32{1, float32(math.NaN()), 2}
		if w.Rank() > g.members[0] {
			nan[1] = 3
		}
		if err := g.Max(nan); err != nil || nan[0] != 1 || nan[1] == nan[1] {
			return fmt.Errorf("the maximum of a NaN is %v, %w", nan, err)
		}
	}
	return nil
}

// TestGrid: groups of any size, used in turn, compute the same sums as a world of that size.
func TestGrid(t *testing.T) {
	for _, size := range [][2]int{{2, 1}, {2, 2}, {4, 2}, {6, 2}, {6, 3}, {8, 4}, {5, 5}} {
		all, _ := worlds(t, size[0], Options{})
		for _, err := range together(t, all, func(w *World) error { return checkGrid(w, size[1]) }) {
			if err != nil {
				t.Errorf("%v: %v", size, err)
			}
		}
		for _, err := range together(t, all, (*World).Close) {
			if err != nil {
				t.Errorf("%v: Close: %v", size, err)
			}
		}
	}
	all, _ := worlds(t, 4, Options{})
	for _, model := range []int{0, 3, 8} {
		if _, _, err := all[0].Grid(model); err == nil || err.Error() != fmt.Sprintf("cluster: 4 ranks cannot be divided into models of %d ranks", model) {
			t.Error(err)
		}
	}
}

// TestGroupLeave: members of a group are told which rank has left, by its number in the world, while the
// world and other groups continue.
func TestGroupLeave(t *testing.T) {
	all, _ := worlds(t, 4, Options{})
	for i, err := range together(t, all, func(w *World) error {
		within, across, err := w.Grid(2)
		if err != nil {
			return err
		}
		if w.Rank() == 3 {
			within.Leave(errors.New("the disk is full"))
		}
		_, err = within.SumScalars([]float64{1})
		if again := within.Sum(nil); w.Rank() > 1 && again != err {
			t.Errorf("rank %d: %v, then %v", w.Rank(), err, again)
		}
		if other := errors.Join(across.Sum([]float32{1}), w.Sum([]float32{2})); other != nil {
			t.Errorf("rank %d: %v", w.Rank(), other)
		}
		return err
	}) {
		if want := "rank 3 has stopped: the disk is full"; i > 1 && (err == nil || err.Error() != want) || i < 2 && err != nil {
			t.Errorf("rank %d: %v", i, err)
		}
	}
	for i, err := range together(t, all, func(w *World) error {
		within, _, err := w.Grid(2)
		if err == nil && w.Rank() < 2 {
			err = within.Sum(make([]float32, w.Rank()))
		}
		return err
	}) {
		if want := "rank 0 calls Sum of 0 numbers, but rank 1 calls Sum of 1 numbers"; i < 2 && (err == nil || err.Error() != want) {
			t.Errorf("rank %d: %v", i, err)
		}
	}
}
