package models

import (
	"reflect"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/layers"
	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/ops"
)

// headName is the scope of the head. Hugging Face uses it in all families.
const headName = "lm_head"

// Logits declares a model over tokens (B, T) and returns the logits (B·T, V). Row b·T + t holds the scores of
// all tokens to follow position t of sequence b.
func Logits(m Model, s *graph.Scope, tokens *G.Node) *G.Node {
	x, head := Body(m, s, tokens) // (B·T, C)
	return head.Logits(s, x)      // (B·T, V)
}

// LogitsAt is Logits for some positions only: rows (N) lists the rows of the logits that the result (N, V)
// holds. A sampler needs only the last position.
func LogitsAt(m Model, s *graph.Scope, tokens, rows *G.Node) *G.Node {
	x, head := Body(m, s, tokens)       // (B·T, C)
	x = ops.Pick(s.At("rows"), rows, x) // (N, C)
	return head.Logits(s, x)            // (N, V)
}

// Loss declares a model and its training objective, the mean cross-entropy of the next token. targets (B, T)
// holds the token that follows each of tokens, or −1 where the loss does not count.
func Loss(m Model, s *graph.Scope, tokens, targets *G.Node) *G.Node {
	setReal(s, targets)
	x, head := Body(m, s, tokens)   // (B·T, C)
	return head.Loss(s, x, targets) // scalar
}

// WeightedLoss is Loss with a weighted sum in place of the mean: weights (B·T) has a factor for each target.
func WeightedLoss(m Model, s *graph.Scope, tokens, targets, weights *G.Node) *G.Node {
	setReal(s, targets)
	x, head := Body(m, s, tokens)                    // (B·T, C)
	return head.WeightedLoss(s, x, targets, weights) // scalar
}

// setReal makes the positions after the last target of a sequence padding.
func setReal(s *graph.Scope, targets *G.Node) {
	if targets != nil { // the head reports it
		s.SetReal(func() *G.Node { return ops.UpToTargets(s, targets, 0) })
	}
}

// Body declares everything below the head, with the model's edits. It returns the final states (B·T, C),
// which other heads can use as well, and the model's own head. A model with a method
//
//	Head() layers.HeadConfig
//
// has these settings of its head, such as a soft cap, wherever logits and losses are computed.
func Body(m Model, s *graph.Scope, tokens *G.Node) (x *G.Node, head Head) {
	plain, _ := unedited(m)
	if plain == nil || reflect.TypeOf(plain).Kind() != reflect.Struct {
		none := s.Fail("models", tensor.Shape{1, 1}, "the model is a %T; want a struct", plain)
		return none, Head{embedding: none}
	}
	name := family.Name(plain)
	tokens = s.Require(name, "tokens", tokens)
	if tokens.Dims() != 2 {
		s.Fail(name, tokens.Shape(), "tokens are %v; want (B, T)", tokens.Shape())
		tokens = s.Ints("tokens", 1, 1) // a placeholder
	}
	x, embedding := m.Body(s, tokens) // (B·T, C), (V, C)
	x = s.Require(name, "what Body returns", x)
	rows, vocab := tokens.Shape().TotalSize(), DimsOf(m).Vocab
	if x.Dims() != 2 || x.Shape()[0] != rows {
		s.Fail(name, x.Shape(), "Body returns %v; want (B·T, C) of %d rows for tokens %v", x.Shape(), rows, tokens.Shape())
	}
	var settings layers.HeadConfig
	if m, has := plain.(interface{ Head() layers.HeadConfig }); has {
		settings = m.Head()
	}
	if family.Tied(plain) {
		embedding = s.Require(name, "the embedding that the head shares", embedding)
		return x, Head{embedding: checkVocab(s, name, embedding, vocab), vocab: vocab, settings: settings}
	}
	return x, Head{vocab: vocab, settings: settings, init: graph.Normal(family.InitStd(plain))}
}

// checkVocab returns w after checking that it has a row for each token, as a head's weight must.
func checkVocab(s *graph.Scope, name string, w *G.Node, vocab int) *G.Node {
	words := w.Shape()[0]
	if l := s.Layout(w); l.Sections != nil && l.Axis == 0 { // each rank has some of the rows
		words = l.Total()
	}
	if w.Dims() == 2 && words == vocab {
		return w
	}
	return s.Fail(name, tensor.Shape{vocab, 1}, "the head's weight %s is %v; want (V, C) with a V of %d", w.Name(), w.Shape(), vocab)
}

// Head computes logits and losses from final states. It uses the token embedding if the model's head is tied
// to it, and lm_head.weight if not.
type Head struct {
	embedding *G.Node // nil if the head has a weight of its own
	vocab     int
	init      graph.Init
	settings  layers.HeadConfig
}

// weight returns the matrix (V, C) that states are multiplied by. An untied weight is declared once in a
// graph.
func (h Head) weight(s *graph.Scope, x *G.Node) *G.Node {
	if h.embedding != nil {
		return h.embedding
	}
	if own := s.Lookup(HeadName); own != nil {
		return checkVocab(s, headName, own, h.vocab)
	}
	return s.At(headName).CutParam("weight", h.init, graph.Cut(0, h.vocab), h.vocab, x.Shape()[x.Dims()-1])
}

// Logits returns the logits (N, V) of states (N, C).
func (h Head) Logits(s *graph.Scope, x *G.Node) *G.Node {
	return h.settings.Logits(s.At(headName), x, h.weight(s, x))
}

// Loss is the mean cross-entropy of the logits of states (N, C) against N targets. Targets of −1 do not
// count.
func (h Head) Loss(s *graph.Scope, x, targets *G.Node) *G.Node {
	return h.settings.Loss(s.At(headName), x, h.weight(s, x), targets, nil)
}

// WeightedLoss is Loss with a weighted sum in place of the mean: weights (N) has a factor for each target.
func (h Head) WeightedLoss(s *graph.Scope, x, targets, weights *G.Node) *G.Node {
	return h.settings.Loss(s.At(headName), x, h.weight(s, x), targets, weights)
}

// Declared has a model's graphs as methods, for packages that do not know models.
type Declared struct{ m Model }

// Graphs wraps m for packages generate, eval and train.
func Graphs(m Model) Declared { return Declared{m} }

// GraphAt is [LogitsAt].
func (d Declared) GraphAt(s *graph.Scope, tokens, rows *G.Node) *G.Node {
	return LogitsAt(d.m, s, tokens, rows)
}

// Loss is [Loss].
func (d Declared) Loss(s *graph.Scope, tokens, targets *G.Node) *G.Node {
	return Loss(d.m, s, tokens, targets)
}
