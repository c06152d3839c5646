package generate

import (
	"container/list"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/gorgpt/gorgpt/graph"
)

// prefixBlock is how many positions are kept together. A sequence that begins like another for at
// least as many goes on from there.
const prefixBlock = 16

// PrefixUsage is what a cache of prefixes has done.
type PrefixUsage struct {
	Asked, Found int64 // tokens of prompts, and those of them that had been run before
	Bytes, Most  int64 // what it takes, and may take
}

// prefixes keeps what layers remember of the beginnings of sequences: a tree of blocks, each
// with the tokens of so many positions after those of its parent. The blocks that were not used for
// longest make room for others. It is of the goroutine that takes turns, but for its counts.
type prefixes struct {
	cache *graph.Cache
	rows  []int // of how many positions each layer remembers
	reach int   // the longest window, 0 if there is none
	root  *block
	used  list.List // of blocks, each before those that follow it, the last used first
	size  int64     // bytes of a block
	most  int       // blocks

	asked, found, blocks atomic.Int64
}

// block is some positions of a sequence.
type block struct {
	parent   *block
	key      string
	children map[string]*block
	kept     []float32
	lost     []int         // how many of its first positions each layer with a window had forgotten; nil: none
	place    *list.Element // nil: it has made room
}

// trail is how far a slot's sequence is in the tree.
type trail struct {
	last  *block // nil at the beginning
	depth int    // blocks up to it
	ended bool   // the sequence has left the tree
	asked bool   // it was looked for
}

// newPrefixes returns a cache of prefixes for a runner; nil if there is no room for a block, or
// nothing is remembered.
func newPrefixes(r *runner, bytes int64) *prefixes {
	size := 4 * prefixBlock * int64(r.cache.Width())
	if r.whole != nil || size == 0 || bytes < size {
		return nil
	}
	p := &prefixes{cache: r.cache, rows: r.cache.Rows(), root: new(block), size: size, most: int(bytes / size)}
	for _, rows := range p.rows {
		if rows < r.context {
			p.reach = max(p.reach, rows)
		}
	}
	return p
}

// usage is what the cache has done so far.
func (p *prefixes) usage() PrefixUsage {
	if p == nil {
		return PrefixUsage{}
	}
	return PrefixUsage{Asked: p.asked.Load(), Found: p.found.Load(), Bytes: p.blocks.Load() * p.size, Most: int64(p.most) * p.size}
}

// blockKey is the tokens of a block.
func blockKey(ids []int) string {
	key := make([]byte, 0, 4*prefixBlock)
	for _, id := range ids[:prefixBlock] {
		key = binary.LittleEndian.AppendUint32(key, uint32(id))
	}
	return string(key)
}

// sharesBlock tells whether two slots that run their beginnings have the first block in common:
// the second of them then waits for what the first leaves.
func sharesBlock(a, b *slot) bool {
	x, y := a.window(), b.window()
	return !a.trail.ended && !b.trail.ended && len(x) > prefixBlock && len(y) > prefixBlock && slices.Equal(x[:prefixBlock], y[:prefixBlock])
}

// resume moves a slot whose prompt runs past what is kept of it. At least one token is left to run.
func (p *prefixes) resume(s *slot) {
	if p == nil || s.trail.ended || s.todo < 2 {
		return
	}
	if !s.trail.asked {
		s.trail.asked = true
		p.asked.Add(int64(s.todo))
	}
	if s.echo || s.past%prefixBlock != 0 || s.past != s.trail.depth*prefixBlock {
		return
	}
	window := s.window()
	chain := p.after(s.trail.last, window[s.past:len(window)-1])
	from := s.past
	chain = chain[:p.whole(chain, from)]
	if len(chain) == 0 {
		return
	}
	restored := p.path(chain[len(chain)-1])
	for i, b := range restored {
		if at := i * prefixBlock; at >= from || p.reach > 0 {
			p.cache.Restore(s.place, at, b.kept)
		}
	}
	n := len(chain) * prefixBlock
	s.past, s.todo = s.past+n, s.todo-n
	s.found += n
	s.trail.last, s.trail.depth = chain[len(chain)-1], s.trail.depth+len(chain)
	p.found.Add(int64(n))
	p.touch(s.trail.last)
}

// after are the blocks that follow one and have the tokens.
func (p *prefixes) after(last *block, ids []int) (chain []*block) {
	if last == nil {
		last = p.root
	}
	for len(ids) >= prefixBlock {
		next := last.children[blockKey(ids)]
		if next == nil {
			break
		}
		chain, last, ids = append(chain, next), next, ids[prefixBlock:]
	}
	return chain
}

// whole is how many blocks of a chain that goes on from a position can be gone on from: up to one at
// whose end every layer that looks back through a window has what it sees.
func (p *prefixes) whole(chain []*block, from int) int {
	for n := len(chain); n > 0; n-- {
		if p.sees(chain[n-1], from+n*prefixBlock) {
			return n
		}
	}
	return 0
}

// sees tells whether every layer has what it looks back to at the end of a block.
func (p *prefixes) sees(b *block, end int) bool {
	for at := end; b != p.root && at > end-p.reach; b = b.parent {
		at -= prefixBlock
		for i, lost := range b.lost {
			if lost > max(0, end-p.rows[i]-at) {
				return false
			}
		}
	}
	return true
}

// path are the blocks up to one.
func (p *prefixes) path(b *block) (path []*block) {
	for ; b != p.root; b = b.parent {
		path = append(path, b)
	}
	slices.Reverse(path)
	return path
}

// keep keeps what a slot has run since the last time, block by block.
func (p *prefixes) keep(s *slot) {
	if p == nil || s.trail.ended {
		return
	}
	for (s.trail.depth+1)*prefixBlock <= s.past {
		window := s.ids[len(s.ids)-s.todo-s.past:]
		at := s.trail.depth * prefixBlock
		b := p.add(s.trail.last, blockKey(window[at:]), s.place, at)
		if b == nil {
			s.trail.ended = true
			return
		}
		s.trail.last, s.trail.depth = b, s.trail.depth+1
	}
}

// add keeps the block at a position of a sequence, after another. It is nil if that has made room
// for others, or if all others are before it.
func (p *prefixes) add(after *block, key string, sequence, at int) *block {
	if after == nil {
		after = p.root
	} else if after.place == nil {
		return nil
	}
	b := after.children[key]
	if b != nil && b.lost == nil {
		p.touch(b)
		return b
	}
	if b == nil {
		data, ok := p.room(after)
		if !ok {
			return nil
		}
		b = &block{parent: after, key: key, kept: data}
		if after.children == nil {
			after.children = make(map[string]*block)
		}
		after.children[key] = b
		b.place = p.used.PushFront(b)
	}
	lost := p.cache.Save(sequence, at, b.kept)
	for i := range min(len(lost), len(b.lost)) {
		lost[i] = min(lost[i], b.lost[i]) // what was there stays
	}
	b.lost = lost
	p.touch(b)
	return b
}

// touch tells that a block, and so those before it, was used.
func (p *prefixes) touch(b *block) {
	for ; b != p.root; b = b.parent {
		p.used.MoveToFront(b.place)
	}
}

// room returns memory for a block after another. The block that was not used for longest gives its
// own, as nothing follows it: those before one are used whenever it is.
func (p *prefixes) room(after *block) (data []float32, ok bool) {
	if p.used.Len() < p.most {
		p.blocks.Add(1)
		return make([]float32, p.size/4), true
	}
	last := p.used.Back().Value.(*block)
	if last == after {
		return nil, false
	}
	p.used.Remove(last.place)
	delete(last.parent.children, last.key)
	last.place = nil
	return last.kept, true
}
