package cluster

import "fmt"

// What a collective is.
const (
	sumCall = iota
	maxCall
	scalarsCall
	giveCall
	scatterCall
	gatherCall
	leaveCall
	closeCall
)

// what are they in words.
var callNames = []string{"Sum of %d numbers", "Max of %d numbers", "SumScalars of %d numbers", "Give of %d bytes", "SumScatter of %d numbers", "Gather of %d numbers", "Leave", "Close"}

// header tells of a collective that a rank begins, or of several ranks together. Its fields are those of a
// slice, which goes between ranks.
type header []int64

const (
	ofRank  = iota // the first of those it is of
	ofCall         // which
	ofSize         // of how much
	ofOther        // 1 more than a rank with another call; 0 if there is none
	otherCall
	otherSize
	headerSize
)

func newHeader(rank, call, size int) header {
	h := make(header, headerSize)
	h[ofRank], h[ofCall], h[ofSize] = int64(rank), int64(call), int64(size)
	return h
}

// with is the header of ranks and those after them. One that leaves counts for all.
func (h header) with(next header) header {
	switch {
	case h[ofCall] == leaveCall:
		return h
	case next[ofCall] == leaveCall:
		return next
	case h[ofOther] != 0:
		return h
	case next[ofOther] != 0 && next[ofCall] == h[ofCall] && next[ofSize] == h[ofSize]:
		return next
	case next[ofCall] != h[ofCall] || next[ofSize] != h[ofSize]:
		h[ofOther], h[otherCall], h[otherSize] = next[ofRank]+1, next[ofCall], next[ofSize]
	}
	return h
}

// differ is the error of calls that are not one.
func (h header) differ() error {
	if h[ofOther] == 0 {
		return nil
	}
	return fmt.Errorf("rank %d calls %s, but rank %d %s", h[ofRank], callName(h[ofCall], h[ofSize]), h[ofOther]-1, callName(h[otherCall], h[otherSize]))
}

func callName(call, size int64) string {
	if call < 0 || int(call) >= len(callNames) {
		return fmt.Sprintf("call %d", call)
	}
	if call >= leaveCall {
		return callNames[call]
	}
	return fmt.Sprintf(callNames[call], size)
}

// agree exchanges the ranks' headers; all have the same afterwards.
func agree(b backend, h header) (header, error) {
	rank, size := b.rank(), b.size()
	got := make(header, headerSize)
	if size&(size-1) == 0 {
		for mask := 1; mask < size; mask <<= 1 {
			if err := exchange(b, bytesOf(h), bytesOf(got), rank^mask); err != nil {
				return nil, err
			}
			before, after := h, append(header(nil), got...)
			if rank&mask != 0 {
				before, after = after, before
			}
			h = before.with(after)
		}
		return h, nil
	}
	for mask := 1; mask < size; mask <<= 1 {
		if rank&mask != 0 {
			if err := b.sending(bytesOf(h), rank-mask)(); err != nil {
				return nil, err
			}
			break
		}
		if rank+mask < size {
			if err := b.receiving(bytesOf(got), rank+mask)(); err != nil {
				return nil, err
			}
			h = h.with(append(header(nil), got...))
		}
	}
	return h, spread(b, bytesOf(h))
}

// spread sends the bytes of rank 0 to all, over those that have them.
func spread(b backend, x []byte) error {
	rank, size := b.rank(), b.size()
	mask := 1
	for ; mask < size; mask <<= 1 {
		if rank&mask != 0 {
			if err := b.receiving(x, rank-mask)(); err != nil {
				return err
			}
			break
		}
	}
	for mask >>= 1; mask > 0; mask >>= 1 {
		if rank+mask < size {
			if err := b.sending(x, rank+mask)(); err != nil {
				return err
			}
		}
	}
	return nil
}
