package draw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// repeated holds the number of blocks in a run, and the number of kinds that alternate in it.
type repeated struct{ blocks, kinds int }

// folds finds runs of blocks, such as h.0, h.1, …, whose nodes are alike, or whose kinds alternate, for example
// if every other block is banded. It returns the name in the picture of each block's run, and the size of each
// run. Blocks that are opened are not folded.
func (g *grouping) folds() (names map[string]string, alike map[string]repeated) {
	var blocks []string // in order of declaration
	content := make(map[string]*strings.Builder)
	for _, n := range g.nodes {
		levels := levelsOf(n.Path)
		if len(levels) == 0 || n.Grad {
			continue
		}
		block := levels[0]
		if _, number := numbered(block); number < 0 || g.opened(n.Path) || g.opensBelow(block) {
			continue
		}
		if content[block] == nil {
			content[block] = new(strings.Builder)
			blocks = append(blocks, block)
		}
		fmt.Fprintln(content[block], levels[1:], n.Op, n.Shape)
	}
	names, alike = make(map[string]string), make(map[string]repeated)
	for len(blocks) > 0 {
		n, kinds := 1, 1
		for k := 1; 2*k <= len(blocks); k++ {
			if run := turns(blocks, k, content); run >= 2*k && run > n {
				n, kinds = run, k
			}
		}
		if n > 1 {
			run := fmt.Sprintf("%s … %s", blocks[0], blocks[n-1])
			for _, b := range blocks[:n] {
				names[b] = run
			}
			alike[run] = repeated{n, kinds}
		}
		blocks = blocks[n:]
	}
	return names, alike
}

// turns returns how many blocks, from the first, are consecutively numbered and have the content of the block k
// before them.
func turns(blocks []string, k int, content map[string]*strings.Builder) int {
	stem, first := numbered(blocks[0])
	for n, b := range blocks {
		s, number := numbered(b)
		if s != stem || number != first+n || n >= k && content[b].String() != content[blocks[n-k]].String() {
			return n
		}
	}
	return len(blocks)
}

// opensBelow reports whether something in a block is opened.
func (g *grouping) opensBelow(block string) bool {
	names := strings.Split(block, ".")
	return slices.ContainsFunc(g.open, func(p []string) bool {
		return inside(p[:min(len(p), len(names))], block)
	})
}

// numbered splits h.3 into h and 3; the number is -1 if there is none.
func numbered(block string) (stem string, number int) {
	i := strings.LastIndexByte(block, '.')
	if i < 0 {
		return block, -1
	}
	n, err := strconv.Atoi(block[i+1:])
	if err != nil {
		return block, -1
	}
	return block[:i], n
}
