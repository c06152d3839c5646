// Package pairs reads prompts with their responses, on which models are trained to respond:
// summaries, translations, answers to questions, dialogue.
//
//	set, err := pairs.ReadJSONL("train.jsonl", "dialogue", "summary")
//	tldr, err := pairs.FindTemplate("tldr")
//	stream, err := pairs.NewStream(tldr.Apply(set), tok, pairs.Config{Batch: 8, Context: 512, Seed: 1})
//
// The stream can be used with package train. Only the tokens of the response and the
// end-of-text token after it have a target, so the loss depends on these alone.
package pairs
