package draw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// folds finds runs of blocks, such as h.0, h.1, …, whose nodes are alike, and returns the
// name that a run's blocks get in the picture, and how many they are. A block that is
// opened stays out.
func (g *grouping) folds() (names map[string]string, alike map[string]int) {
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
	names, alike = make(map[string]string), make(map[string]int)
	for len(blocks) > 0 {
		stem, first := numbered(blocks[0])
		n := 1
		for n < len(blocks) {
			s, number := numbered(blocks[n])
			if s != stem || number != first+n || content[blocks[n]].String() != content[blocks[0]].String() {
				break
			}
			n++
		}
		if n > 1 {
			run := fmt.Sprintf("%s … %s", blocks[0], blocks[n-1])
			for _, b := range blocks[:n] {
				names[b] = run
			}
			alike[run] = n
		}
		blocks = blocks[n:]
	}
	return names, alike
}

// opensBelow tells whether something in a block is opened.
func (g *grouping) opensBelow(block string) bool {
	names := strings.Split(block, ".")
	return slices.ContainsFunc(g.open, func(p []string) bool {
		return inside(p[:min(len(p), len(names))], block)
	})
}

// numbered splits h.3 into h and 3; the number of what has none is -1.
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
