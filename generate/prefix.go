package generate

import (
	"container/list"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/gorgpt/gorgpt/graph"
)

// prefixBlock is how many positions are kept together, and so the shortest prefix that sequences
// can share.
const prefixBlock = 16

// PrefixUsage says how a cache of prefixes has been used.
type PrefixUsage struct {
	Asked, Found int64 // prompt tokens, and how many of them were found in the cache
	Bytes, Most  int64 // memory that it uses, and may use
}

// prefixes caches keys and values, or whatever layers remember, of the beginnings of sequences. It is
// a tree of blocks, each of prefixBlock positions that follow those of its parent. The least recently
// used blocks make room for others. Except for its counters it belongs to the goroutine that takes turns.
type prefixes struct {
	cache *graph.Cache
	rows  []int // how many positions each layer remembers
	reach int   // the longest window, 0 if there is none
	root  *block
	used  list.List // blocks, most recently used first, each before its children
	size  int64     // bytes of a block
	most  int       // maximum number of blocks

	asked, found, blocks atomic.Int64
}

// block is some positions of a sequence.
type block struct {
	parent   *block
	key      string
	children map[string]*block
	kept     []float32
	lost     []int         // how many of its first positions each layer had forgotten, as windows are short; nil: none
	place    *list.Element // nil: the block has been evicted
}

// trail says how far a slot's sequence has got in the tree.
type trail struct {
	last  *block // nil at the beginning
	depth int    // number of blocks up to last
	ended bool   // the sequence has left the tree
	asked bool   // its prompt has been counted in prefixes.asked
}

// newPrefixes returns a cache of prefixes for a runner. It is nil if there is no room for a block, or
// if the model's layers remember nothing.
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

// usage returns what the cache has been used for so far.
func (p *prefixes) usage() PrefixUsage {
	if p == nil {
		return PrefixUsage{}
	}
	return PrefixUsage{Asked: p.asked.Load(), Found: p.found.Load(), Bytes: p.blocks.Load() * p.size, Most: int64(p.most) * p.size}
}

// blockKey returns the tokens of a block as a map key.
func blockKey(ids []int) string {
	key := make([]byte, 0, 4*prefixBlock)
	for _, id := range ids[:prefixBlock] {
		key = binary.LittleEndian.AppendUint32(key, uint32(id))
	}
	return string(key)
}

// sharesBlock reports whether two slots at the beginning of their prompts have the first block in
// common. The second then waits, so that it can reuse the blocks of the first.
func sharesBlock(a, b *slot) bool {
	x, y := a.window(), b.window()
	return !a.trail.ended && !b.trail.ended && len(x) > prefixBlock && len(y) > prefixBlock && slices.Equal(x[:prefixBlock], y[:prefixBlock])
}

// resume advances a slot whose prompt is running past the blocks that are kept of it. At least one
// token is left to run.
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

// after returns the chain of blocks that follows the block last and holds ids.
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

// whole returns how many blocks of a chain that starts at a position can be used: the longest part at
// whose end every layer with a window still has the positions in its window.
func (p *prefixes) whole(chain []*block, from int) int {
	for n := len(chain); n > 0; n-- {
		if p.sees(chain[n-1], from+n*prefixBlock) {
			return n
		}
	}
	return 0
}

// sees reports whether, at the end of a block, every layer has all positions that it looks back to.
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

// path returns the blocks from the root to b, without the root.
func (p *prefixes) path(b *block) (path []*block) {
	for ; b != p.root; b = b.parent {
		path = append(path, b)
	}
	slices.Reverse(path)
	return path
}

// keep stores, block by block, what a slot has run since the last call.
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

// add stores the block at position at of a sequence as a child of after, and returns it. It returns
// nil if after has been evicted, or if there is no other block to evict.
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
		lost[i] = min(lost[i], b.lost[i]) // positions that the block had already are kept
	}
	b.lost = lost
	p.touch(b)
	return b
}

// touch marks a block, and with it all blocks before it, as just used.
func (p *prefixes) touch(b *block) {
	for ; b != p.root; b = b.parent {
		p.used.MoveToFront(b.place)
	}
}

// room returns memory for a new child of after. When the cache is full it evicts the least recently
// used block, which has no children, as using a block marks its ancestors too. It fails if that
// block is after.
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
