package tokenizer

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"runtime"
	"sync"
)

// hash mixes the bytes of a piece that is not empty, 16 at a time.
func hash(piece []byte) uint64 {
	const k0, k1 = 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	n := len(piece)
	h := uint64(n) ^ k0
	mix := func(a, b uint64) {
		hi, lo := bits.Mul64(a^h, b^k1)
		h = hi ^ lo
	}
	p := piece
	for len(p) > 16 {
		mix(binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:]))
		p = p[16:]
	}
	switch m := len(p); {
	case m >= 8:
		mix(binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[m-8:]))
	case m >= 4:
		mix(uint64(binary.LittleEndian.Uint32(p)), uint64(binary.LittleEndian.Uint32(p[m-4:])))
	default:
		mix(uint64(p[0])<<16|uint64(p[m>>1])<<8|uint64(p[m-1]), 0)
	}
	return h
}

// short is the maximum length of pieces that words compares without looking at their texts.
const short = 8

// packed returns the bytes of a piece of 1 to short bytes as a number that is unique for its length.
func packed(piece []byte) uint64 {
	n := len(piece)
	if n >= 4 {
		return uint64(binary.LittleEndian.Uint32(piece)) | uint64(binary.LittleEndian.Uint32(piece[n-4:]))<<32
	}
	return uint64(piece[0])<<16 | uint64(piece[n>>1])<<8 | uint64(piece[n-1])
}

// words finds the id of a piece that is one token. It is a hash table that, once built, is only read.
type words struct {
	slots []wordSlot
	texts []string // by id
}

// wordSlot is a word. A short one is stored by its bytes, so that a lookup touches a single cache line.
type wordSlot struct {
	key  uint64 // the bytes of a short word, or the hash of a longer one
	id   int32  // -1 if the slot is empty
	size int32  // length of a short word in bytes, else short+1
}

// newWords returns a table with room for n words, whose texts by id are these.
func newWords(n int, texts []string) *words {
	size := 16
	for size < 2*n {
		size *= 2
	}
	w := &words{slots: make([]wordSlot, size), texts: texts}
	for i := range w.slots {
		w.slots[i].id = -1
	}
	return w
}

// add adds a word; newWords must have made room for it.
func (w *words) add(id int32) {
	piece := []byte(w.texts[id])
	h := hash(piece)
	i := int(h) & (len(w.slots) - 1)
	for w.slots[i].id >= 0 {
		i = (i + 1) & (len(w.slots) - 1)
	}
	w.slots[i] = wordSlot{h, id, short + 1}
	if len(piece) <= short {
		w.slots[i].key, w.slots[i].size = packed(piece), int32(len(piece))
	}
}

// find returns the id of the piece with that hash, -1 if it is not one token.
func (w *words) find(h uint64, piece []byte) int32 {
	mask, size := len(w.slots)-1, int32(len(piece))
	if size > short {
		return w.findLong(h, piece)
	}
	key := packed(piece)
	for i := int(h) & mask; ; i = (i + 1) & mask {
		if s := &w.slots[i]; s.id < 0 || s.key == key && s.size == size {
			return s.id
		}
	}
}

// findLong is find for a piece of more than short bytes.
func (w *words) findLong(h uint64, piece []byte) int32 {
	mask := len(w.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		s := &w.slots[i]
		if s.id < 0 || s.key == h && s.size > short && w.texts[s.id] == string(piece) {
			return s.id
		}
	}
}

// cache remembers the ids of pieces of more than one token: the last piece for each
// slot, so its memory is fixed. Only one goroutine may use it at a time.
type cache struct {
	entries [cacheSize]cacheEntry
	scratch []int32
	text    []byte
}

const (
	cacheSize   = 1 << 14 // a power of two; 1 MB of entries
	cachedBytes = 24
	cachedIDs   = 9
)

// cacheEntry fills one cache line.
type cacheEntry struct {
	ids   [cachedIDs]int32
	piece [cachedBytes]byte
	size  uint8 // bytes of the piece; 0 if empty
	count uint8 // number of ids
}

// get returns the ids of the piece with that hash, nil if they are not cached, and the
// entry to put them in, nil if the piece is too long.
func (c *cache) get(h uint64, piece []byte) (ids []int32, e *cacheEntry) {
	if len(piece) > cachedBytes {
		return nil, nil
	}
	e = &c.entries[h%cacheSize]
	if int(e.size) == len(piece) && bytes.Equal(e.piece[:e.size], piece) {
		return e.ids[:e.count], e
	}
	return nil, e
}

// put remembers the ids of a piece.
func (e *cacheEntry) put(piece []byte, ids []int32) {
	if e != nil && len(ids) <= cachedIDs {
		e.size, e.count = uint8(copy(e.piece[:], piece)), uint8(copy(e.ids[:], ids))
	}
}

// caches lends a cache to each goroutine while it encodes, since goroutines that share
// one would wait for each other. It keeps no more than can be in use at once.
type caches struct {
	mu   sync.Mutex
	idle []*cache
}

func (c *caches) take() *cache {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 {
		last := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return last
	}
	return new(cache)
}

func (c *caches) give(one *cache) {
	if cap(one.scratch) > 1<<16 {
		one.scratch = nil
	}
	if cap(one.text) > 1<<18 {
		one.text = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) < runtime.GOMAXPROCS(0) {
		c.idle = append(c.idle, one)
	}
}
