package tokenizer

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// LearnBPE learns a byte-level byte-pair encoding of size tokens from texts, which are
// given with their names for errors. The tokens are the 256 bytes, the merges and the end
// of text. Texts are cut into pieces as by GPT-2.
//
// Each step merges the most frequent pair of neighboring tokens; among equally frequent
// pairs, that with the smallest left id, then the smallest right id (Sennrich et al. 2016;
// the order and the merges are those of Hugging Face's tokenizers). A small text may have
// fewer merges than asked for; the tokenizer is then smaller.
//
// Texts are read once, in parts, and counted by all processors. Memory grows only with the
// number of distinct pieces. The result depends only on the texts and the size.
func LearnBPE(texts iter.Seq2[string, io.Reader], size int) (Tokenizer, error) {
	const least = byteTokens + 1
	if size < least {
		return nil, fmt.Errorf("a vocabulary of %d: want %d or more, the bytes and the end of text", size, least)
	}
	counts, err := countPieces(texts)
	if err != nil {
		return nil, err
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("no vocabulary: there is no text")
	}
	return newByteLevel("bpe", learn(counts, size-least)), nil
}

// countedBatch is about how many bytes are counted at a time.
const countedBatch = 1 << 20

// countPieces counts the pieces of texts.
func countPieces(texts iter.Seq2[string, io.Reader]) (map[string]int64, error) {
	batches := make(chan []Segment)
	workers := make([]map[string]int64, runtime.GOMAXPROCS(0))
	var wait sync.WaitGroup
	for i := range workers {
		wait.Go(func() { workers[i] = countBatches(batches) })
	}
	var failed error
	for batch, err := range Batches(nil, texts, countedBatch) {
		if err != nil {
			failed = err
			break
		}
		batches <- batch
	}
	close(batches)
	wait.Wait()
	if failed != nil {
		return nil, failed
	}
	all := workers[0]
	for _, w := range workers[1:] {
		for piece, n := range w {
			all[piece] += n
		}
	}
	return all, nil
}

// countBatches counts the pieces of batches.
func countBatches(batches <-chan []Segment) map[string]int64 {
	index := make(map[string]int, 1<<12)
	var counts []int64
	for batch := range batches {
		for _, s := range batch {
			for text := s.Text; len(text) > 0; {
				n := nextPiece(text)
				i, ok := index[string(text[:n])]
				if !ok {
					i = len(counts)
					index[string(text[:n])], counts = i, append(counts, 0)
				}
				counts[i]++
				text = text[n:]
			}
		}
	}
	m := make(map[string]int64, len(counts))
	for piece, i := range index {
		m[piece] = counts[i]
	}
	return m
}

// learner holds the pieces, as the ids that they consist of so far, and the pairs in them.
type learner struct {
	ids    []int32 // of all pieces, one after the other
	pieces []pieceIDs
	pairs  map[uint64]int32 // index in known by key
	known  []knownPair
	heap   learnerHeap
	born   []int32 // indices in known of pairs to push on the heap
}

type pieceIDs struct {
	start, size int32
	count       int64
}

// knownPair is a pair, how often it occurs, and the pieces that have or had it.
type knownPair struct {
	pair   pair
	count  int64
	pieces []int32
	born   bool // it is in learner.born
}

// learn returns up to n merges. It stops early if no pair is left.
func learn(counts map[string]int64, n int) []pair {
	l := &learner{pairs: map[uint64]int32{}}
	byteID := [256]int32{}
	tokens := make([]string, 0, byteTokens+n)
	made := make(map[string]int32, byteTokens+n) // id by text
	for id, b := range byteOrder() {
		byteID[b] = int32(id)
		tokens = append(tokens, string([]byte{b}))
		made[tokens[id]] = int32(id)
	}
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		if len(text) < 2 {
			continue
		}
		p := pieceIDs{int32(len(l.ids)), int32(len(text)), counts[text]}
		for i := range len(text) {
			l.ids = append(l.ids, byteID[text[i]])
		}
		at := int32(len(l.pieces))
		l.pieces = append(l.pieces, p)
		for i := range len(text) - 1 {
			l.more(pair{byteID[text[i]], byteID[text[i+1]]}, p.count, at)
		}
	}
	l.enqueue()

	var merges []pair
	for len(merges) < n {
		best, ok := l.next()
		if !ok {
			break
		}
		merges = append(merges, best.pair)
		// Two pairs can make the same text; they share its id.
		text := tokens[best.pair.left] + tokens[best.pair.right]
		id, ok := made[text]
		if !ok {
			id = int32(len(tokens))
			tokens, made[text] = append(tokens, text), id
		}
		for _, at := range best.pieces {
			l.merge(best.pair, id, at)
		}
		l.enqueue()
	}
	return merges
}

// more adds n to the count of a pair, which occurs in the piece with index at.
func (l *learner) more(p pair, n int64, at int32) {
	i, ok := l.pairs[p.key()]
	if !ok {
		i = int32(len(l.known))
		l.pairs[p.key()] = i
		l.known = append(l.known, knownPair{pair: p})
	}
	k := &l.known[i]
	k.count += n
	if n := len(k.pieces); n == 0 || k.pieces[n-1] != at {
		k.pieces = append(k.pieces, at)
	}
	if !k.born {
		k.born = true
		l.born = append(l.born, i)
	}
}

// less subtracts n from the count of a pair.
func (l *learner) less(p pair, n int64) { l.known[l.pairs[p.key()]].count -= n }

// merge joins a pair wherever it occurs in a piece, from left to right, and updates the
// counts of the pairs on either side.
func (l *learner) merge(p pair, id int32, at int32) {
	piece := &l.pieces[at]
	ids := l.ids[piece.start : piece.start+piece.size]
	out := ids[:0]
	joined := false // the last of out is new
	for i := 0; i < len(ids); i++ {
		x := ids[i]
		match := x == p.left && i+1 < len(ids) && ids[i+1] == p.right
		if match {
			if len(out) > 0 && !joined {
				l.less(pair{out[len(out)-1], x}, piece.count)
			}
			l.less(p, piece.count)
			if i+2 < len(ids) {
				l.less(pair{p.right, ids[i+2]}, piece.count)
			}
			x = id
			i++
		}
		if len(out) > 0 && (joined || match) {
			l.more(pair{out[len(out)-1], x}, piece.count, at)
		}
		out, joined = append(out, x), match
	}
	piece.size = int32(len(out))
}

// enqueue pushes the pairs whose counts have grown onto the heap.
func (l *learner) enqueue() {
	for _, i := range l.born {
		k := &l.known[i]
		k.born = false
		if k.count > 0 {
			l.heap.push(learnerEntry{k.count, k.pair, i})
		}
	}
	l.born = l.born[:0]
}

// next returns the pair to merge next. A heap entry has the count that its pair had when
// the entry was pushed; the count can only have fallen since, unless there is a newer entry.
func (l *learner) next() (knownPair, bool) {
	for len(l.heap) > 0 {
		e := l.heap.pop()
		k := &l.known[e.index]
		switch {
		case k.count == e.count && k.count > 0:
			best := *k
			k.pieces = nil
			return best, true
		case k.count > 0 && k.count < e.count:
			e.count = k.count
			l.heap.push(e)
		}
	}
	return knownPair{}, false
}

type learnerEntry struct {
	count int64
	pair  pair
	index int32 // in learner.known
}

func (e learnerEntry) before(o learnerEntry) bool {
	return cmp.Or(cmp.Compare(o.count, e.count), cmp.Compare(e.pair.left, o.pair.left), cmp.Compare(e.pair.right, o.pair.right)) < 0
}

// learnerHeap is a heap with the pair to merge next at the front.
type learnerHeap []learnerEntry

func (h *learnerHeap) push(e learnerEntry) {
	*h = append(*h, e)
	s := *h
	i := len(s) - 1
	for i > 0 && e.before(s[(i-1)/2]) {
		s[i] = s[(i-1)/2]
		i = (i - 1) / 2
	}
	s[i] = e
}

func (h *learnerHeap) pop() learnerEntry {
	s := *h
	first, e := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	for i := 0; len(s) > 0; {
		child := 2*i + 1
		if child+1 < len(s) && s[child+1].before(s[child]) {
			child++
		}
		if child >= len(s) || !s[child].before(e) {
			s[i] = e
			break
		}
		s[i] = s[child]
		i = child
	}
	return first
}
