// Package generate samples from autoregressive models: it predicts a token, appends
// it, and predicts again. It works with graphs and token ids and does not depend on the model.
//
// A [Generator] continues texts while its caller waits:
//
//	g := generate.New(models.Graphs(m), params, context)
//	defer g.Close()
//	for token, err := range g.Stream(ctx, prompt, 100, generate.Options{Temperature: 0.8, TopK: 40}) {
//		…
//	}
//
// An [Engine] serves many callers, whose requests may arrive and end at any time, each with its own
// options. It has a number of slots, each a place in the key/value cache (graph.Cache), so that one
// pass over the weights yields a token for every running sequence, however long the texts are.
// Programs of one model function, over the same weights, run pieces of prompts, and single tokens of
// all sequences that decode. What a sequence generates is the same, bit for bit, whatever else runs.
// A Generator is an Engine for one caller.
//
// When a sequence reaches the model's context, its window slides: the older half is
// forgotten, and the newer half is computed again, as its positions have changed. That
// makes room for as many tokens as were forgotten.
//
// If a model's vocabulary is padded beyond its tokenizer's, EngineConfig.Vocab restricts sampling to
// ids that are tokens; Vacant excludes ids below it that have no token.
//
// [Generator.Batch] continues several prompts of any lengths at once, and
// [Generator.Beam] searches for the likeliest continuation. [Text] turns a stream of tokens
// into text that is never cut within a character, and ends at stop strings.
package generate
