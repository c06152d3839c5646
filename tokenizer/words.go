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

// words finds the id of a piece that is one token: a hash table that is only read.
type words struct {
	slots []wordSlot
	texts []string // by id
}

type wordSlot struct {
	tag uint32 // of the hash
	id  int32  // -1: empty
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

// add adds a word, within the room that was made.
func (w *words) add(id int32) {
	h := hash([]byte(w.texts[id]))
	i := int(h) & (len(w.slots) - 1)
	for w.slots[i].id >= 0 {
		i = (i + 1) & (len(w.slots) - 1)
	}
	w.slots[i] = wordSlot{uint32(h >> 32), id}
}

// find returns the id of the piece with that hash, -1 if it is not one token.
func (w *words) find(h uint64, piece []byte) int32 {
	mask := len(w.slots) - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		s := w.slots[i]
		if s.id < 0 || s.tag == uint32(h>>32) && w.texts[s.id] == string(piece) {
			return s.id
		}
	}
}

// cache remembers the ids of pieces of more than one token: the last one at each
// place, so its memory is fixed. One goroutine uses it at a time.
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

// cacheEntry fills one line of the processor's cache.
type cacheEntry struct {
	ids   [cachedIDs]int32
	piece [cachedBytes]byte
	size  uint8 // bytes of the piece; 0: empty
	count uint8 // ids
}

// get returns the ids of the piece with that hash, and where they are to be put
// otherwise, nil if they are not.
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

// caches lends caches out: a goroutine has one of its own while it encodes, for one
// that several share makes them wait for each other. It keeps no more than can work
// at once.
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
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) < runtime.GOMAXPROCS(0) {
		c.idle = append(c.idle, one)
	}
}
