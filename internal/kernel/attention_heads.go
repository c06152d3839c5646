package kernel

// Heads is a view of heads that lie side by side in a matrix: head h of row r is the Size elements of Data that
// begin at r·Stride + h·Size.
type Heads struct {
	Data         []float32
	Stride, Size int
}

// from returns the part of the matrix that begins at the given row and head.
func (h Heads) from(row, head int) []float32 { return h.Data[row*h.Stride+head*h.Size:] }

// QKV holds the queries, keys and values of attention, or their gradients. Queries and keys have the same size.
// The three may be parts of one matrix.
type QKV struct {
	Q, K, V Heads
	// Sinks, one for each query head, are extra scores without values that take part in each softmax (attention
	// sinks); nil means none.
	Sinks []float32
}

// from returns x beginning at the given row: at the given query head, and at head kv of the keys and values.
func (x QKV) from(row, head, kv int) QKV {
	x.Q.Data, x.K.Data, x.V.Data, x.Sinks = x.Q.from(row, head), x.K.from(row, kv), x.V.from(row, kv), x.sink(head)
	return x
}

// sink returns the sinks beginning at the given head.
func (x QKV) sink(head int) []float32 {
	if len(x.Sinks) == 0 {
		return nil
	}
	return x.Sinks[head:]
}

// packHead fills the panels from the first head of h, or from its transpose. It uses the beginning of memory and
// returns the rest.
func (b *panels) packHead(memory []float32, trans bool, h Heads) []float32 {
	b.pack(memory, trans, h.Data, h.Stride)
	return memory[b.size():]
}
