package tasks

// HoldOut holds out a tenth of a set for measurement: every tenth example, as files are often
// sorted by class. If these are all alike, as in a file whose classes alternate, it takes the
// first of the first ten, the second of the next ten, and so on. With fewer than ten examples,
// none is held out.
func (t Task) HoldOut(set Set) (learn, dev Set) {
	learn, dev = set.holdOut(func(int) int { return 9 })
	if _, err := t.Fit(dev.Examples); err != nil {
		learn, dev = set.holdOut(func(ten int) int { return ten % 10 })
	}
	return learn, dev
}

// holdOut holds out one example of every ten.
func (s Set) holdOut(which func(ten int) int) (rest, taken Set) {
	rest.Path, rest.Skipped, taken.Path = s.Path, s.Skipped, s.Path
	whole := len(s.Examples) / 10 * 10
	for i, e := range s.Examples {
		if i < whole && i%10 == which(i/10) {
			taken.Examples = append(taken.Examples, e)
		} else {
			rest.Examples = append(rest.Examples, e)
		}
	}
	return rest, taken
}
