// Package generate samples from autoregressive models: it predicts a token, appends
// it, and predicts again. It knows graphs and ids, not which model it runs.
//
// A [Generator] makes two kinds of programs of one model function, over the same weights.
// One runs a whole prompt, the other a single token a sequence; both go on from what layers
// remember of the positions before (graph.Memory), so a token costs one pass over the
// weights, however long the text is.
//
//	g := generate.New(model, params, context)
//	defer g.Close()
//	for token, err := range g.Stream(ctx, prompt, 100, generate.Options{Temperature: 0.8, TopK: 40}) {
//		…
//	}
//
// Where a sequence reaches the model's context, its window slides: the older half is
// forgotten, and the newer half is computed anew, as its positions have changed. Then
// there is room again for as many tokens.
//
// Where a model's vocabulary is padded beyond its tokenizer's, Generator.Vocab keeps to tokens
// that there are, and Generator.Vacant where ids in the middle have none.
//
// [Generator.Batch] continues several prompts at once, of whatever lengths, and
// [Generator.Beam] searches for the likeliest continuation. [Text] turns a stream of tokens
// into text that is never cut within a character, and ends at stop strings.
package generate
