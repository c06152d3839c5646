package layers

import "github.com/gorgpt/gorgpt/graph"

// Option departs from a layer's defaults; each layer says which it heeds.
type Option func(*options)

type options struct {
	init     graph.Init
	bias     bool
	epsilon  float64
	dropout  float64
	residual graph.Init
	window   int
	scale    float64
	composed bool
}

// resolve applies given to the defaults: N(0, 0.02), a bias, ε 1e-5, no dropout, no
// window, as GPT-2 has them.
func resolve(given []Option) options {
	o := options{init: graph.Normal(0.02), bias: true, epsilon: 1e-5}
	o.residual = o.init
	for _, g := range given {
		g(&o)
	}
	return o
}

// Init sets the distribution that weight matrices start from.
func Init(i graph.Init) Option { return func(o *options) { o.init, o.residual = i, i } }

// ResidualInit sets the distribution of the projection that ends a block's branch,
// where it differs from the others. Give it after Init.
func ResidualInit(i graph.Init) Option { return func(o *options) { o.residual = i } }

// Bias tells whether the layer adds a bias.
func Bias(on bool) Option { return func(o *options) { o.bias = on } }

// Epsilon sets what a layer norm adds to the variance.
func Epsilon(e float64) Option { return func(o *options) { o.epsilon = e } }

// AttentionDropout sets the probability of dropping an attention weight.
func AttentionDropout(rate float64) Option { return func(o *options) { o.dropout = rate } }

// Composed has [Attention] declare itself as [ComposedAttention] does.
func Composed(on bool) Option { return func(o *options) { o.composed = on } }

// Scale sets what [Attention] multiplies its scores by; 0 stands for 1/√D of heads of D
// columns.
func Scale(f float64) Option { return func(o *options) { o.scale = f } }

// Window bounds how far attention looks back, the position itself included; 0 is no
// bound.
func Window(w int) Option { return func(o *options) { o.window = w } }
