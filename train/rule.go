package train

// A Rule is what an optimizer does to one tensor of weights. An [Optimizer] puts rules
// together. [AdamW], [ScheduleFree], [Lion], [SGD] and [Muon] are rules; [EMA] adds to one.
type Rule interface {
	// Name is the rule's name in errors.
	Name() string
	// Keeps names the tensors that the rule remembers of a parameter of a shape, in PyTorch's
	// words, such as "exp_avg"; each has the parameter's shape. The error says why the rule
	// does not fit the shape.
	Keeps(shape []int) ([]string, error)
	// Apply changes the weights, and what is kept.
	Apply(c *Change)
}

// Elementwise is a [Rule] that may change each weight by its own gradient, and what is kept of it, alone. Where ranks share out a
// parameter (graph.Params.Split), each applies such a rule to its part; other rules are given the whole on every rank, put together
// for the time of the update.
type Elementwise interface {
	Rule
	Elementwise() bool
}

// A Change is one update of one parameter, for a [Rule]. The slices are of one length, row by
// row, and valid during the call.
type Change struct {
	Shape  []int
	Weight []float32
	Grad   []float32   // before clipping
	Kept   [][]float32 // as Keeps names them, 0 before the first update, or as an Averaging begins

	Step  int     // updates, this one included: 1, 2, …
	Rate  float64 // learning rate, times that of the parameter's group
	Decay float64 // pull towards zero, a share of the rate
	Clip  float64 // factor on the gradient
	Share float64 // of the update in all so far, each by the square of the highest learning rate until then
}

// shrink is the factor of decoupled weight decay.
func (c *Change) shrink() float32 { return float32(1 - c.Rate*c.Decay) }
