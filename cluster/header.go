package cluster

import "fmt"

// Kinds of collectives.
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

// callNames describe the collectives.
var callNames = []string{"Sum of %d numbers", "Max of %d numbers", "SumScalars of %d numbers", "Give of %d bytes", "SumScatter of %d numbers", "Gather of %d numbers", "Leave", "Close"}

// header describes the collective that a rank, or several ranks together, begin. Its fields are
// elements of a slice, so that it can be sent between ranks.
type header []int64

const (
	ofRank  = iota // the first of the ranks that it is for
	ofCall         // kind of collective
	ofSize         // how many numbers or bytes
	ofOther        // 1 more than the number of a rank with a different call; 0 if there is none
	otherCall
	otherSize
	headerSize
)

func newHeader(rank, call, size int) header {
	h := make(header, headerSize)
	h[ofRank], h[ofCall], h[ofSize] = int64(rank), int64(call), int64(size)
	return h
}

// with merges h with the header of the ranks after those of h. If a rank leaves, its header stands
// for all.
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

// differ returns the error for ranks that make different calls.
func (h header) differ() error {
	if h[ofOther] == 0 {
		return nil
	}
	return fmt.Errorf("rank %d calls %s, but rank %d calls %s", h[ofRank], callName(h[ofCall], h[ofSize]), h[ofOther]-1, callName(h[otherCall], h[otherSize]))
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

// agree merges the ranks' headers; afterwards all ranks have the same.
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

// spread sends the bytes of rank 0 to all, with ranks that have them passing them on.
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
