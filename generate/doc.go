// Package generate samples from autoregressive models: it predicts a token, appends
// it, and predicts again. It knows graphs and ids, not which model it runs.
//
// A [Generator] goes on with texts while its caller waits:
//
//	g := generate.New(models.Graphs(m), params, context)
//	defer g.Close()
//	for token, err := range g.Stream(ctx, prompt, 100, generate.Options{Temperature: 0.8, TopK: 40}) {
//		…
//	}
//
// An [Engine] goes on with those of many callers, who come and go as they like, each with options
// of its own. It has slots, places in a cache of what layers remember of the positions before
// (graph.Cache), so that a token costs one pass over the weights, however long the text is, for
// all sequences together. Programs of one model function, over the same weights, run pieces of
// prompts and single tokens of so many sequences as there are; what a sequence generates is the
// same to the bit in any company. A Generator is an Engine for one caller.
//
// Where a sequence reaches the model's context, its window slides: the older half is
// forgotten, and the newer half is computed anew, as its positions have changed. Then
// there is room again for as many tokens.
//
// Where a model's vocabulary is padded beyond its tokenizer's, EngineConfig.Vocab keeps to tokens
// that there are, and Vacant where ids in the middle have none.
//
// [Generator.Batch] continues several prompts at once, of whatever lengths, and
// [Generator.Beam] searches for the likeliest continuation. [Text] turns a stream of tokens
// into text that is never cut within a character, and ends at stop strings.
package generate
