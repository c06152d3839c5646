// Package pairs reads prompts with their responses, for models that are to learn to answer:
// summaries, translations, answers to questions, dialogue.
//
//	set, err := pairs.ReadJSONL("train.jsonl", "dialogue", "summary")
//	tldr, err := pairs.FindTemplate("tldr")
//	stream, err := pairs.NewStream(tldr.Apply(set), tok, pairs.Config{Batch: 8, Context: 512, Seed: 1})
//
// The stream is one that package train takes. Only tokens of the response, and the end of
// text after it, have a target: the loss counts on these alone.
package pairs
