package train

// A Rule is how an optimizer changes one tensor of weights. An [Optimizer] combines rules. [AdamW],
// [ScheduleFree], [Lion], [SGD] and [Muon] are rules; [EMA] wraps one.
type Rule interface {
	// Name returns the rule's name, for errors.
	Name() string
	// Keeps names the tensors that the rule keeps for a parameter of the given shape, by PyTorch's
	// names, such as "exp_avg"; each has the parameter's shape. The error says why the rule does
	// not fit the shape.
	Keeps(shape []int) ([]string, error)
	// Apply changes the weights, and what is kept for them.
	Apply(c *Change)
}

// Elementwise is a [Rule] that can say whether it changes each weight using only that weight, its
// gradient, and what is kept for it. If a parameter is split over ranks (graph.Params.Split), each
// rank applies such a rule to its part; other rules are given the whole parameter on every rank,
// assembled for the update.
type Elementwise interface {
	Rule
	Elementwise() bool
}

// A Change is one update of one parameter, to be made by a [Rule]. The slices have the same length,
// are row-major, and are valid during the call.
type Change struct {
	Shape  []int
	Weight []float32
	Grad   []float32   // before clipping
	Kept   [][]float32 // in the order of Keeps; before the first update 0, or what Averaging.Begin has filled in

	Step  int     // number of updates of this parameter, including this one: 1, 2, …
	Rate  float64 // learning rate, times the factor of the parameter's group
	Decay float64 // pull towards zero, as a factor on the rate
	Clip  float64 // factor on the gradient
	Share float64 // of this update among all so far, each weighted by the square of the highest learning rate until then
}

// shrink returns the factor of decoupled weight decay.
func (c *Change) shrink() float32 { return float32(1 - c.Rate*c.Decay) }
