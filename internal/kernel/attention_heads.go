package kernel

// Heads is a view of heads that lie side by side in a matrix: head h of row r is the Size elements
// of Data from r·Stride + h·Size on.
type Heads struct {
	Data         []float32
	Stride, Size int
}

// from is the matrix from a head of a row on.
func (h Heads) from(row, head int) []float32 { return h.Data[row*h.Stride+head*h.Size:] }

// QKV is the queries, the keys and the values of attention, or their gradients. Queries and keys
// are of one size. The three may be parts of one matrix.
type QKV struct {
	Q, K, V Heads
	// Sinks, one a head of queries, are scores without a value that take part in each softmax; nil
	// is none.
	Sinks []float32
}

// from is the three from a row on: from that head of queries, and from the kv-th of the others.
func (x QKV) from(row, head, kv int) QKV {
	x.Q.Data, x.K.Data, x.V.Data, x.Sinks = x.Q.from(row, head), x.K.from(row, kv), x.V.from(row, kv), x.sink(head)
	return x
}

// sink is the sinks from a head on.
func (x QKV) sink(head int) []float32 {
	if len(x.Sinks) == 0 {
		return nil
	}
	return x.Sinks[head:]
}

// packHead fills the panels from the first of some heads, or its transpose, in memory of which it
// returns the rest.
func (b *panels) packHead(memory []float32, trans bool, h Heads) []float32 {
	b.pack(memory, trans, h.Data, h.Stride)
	return memory[b.size():]
}
