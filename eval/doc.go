// Package eval measures trained language models the way the GPT papers did: perplexity,
// LAMBADA, the Children's Book Test, Winograd schemas, multiple choice by likelihood,
// question answering, and golden numbers of published checkpoints.
//
// A [Subject] is the model under measurement. Each kind of measurement is a type whose
// fields are its protocol and whose Evaluate method reads a data set:
//
//	s := eval.NewSubject(models.Graphs(m), params, tok, context)
//	defer s.Close()
//	r, err := eval.Perplexity{Stride: 512, Detokenizer: "wikitext"}.Evaluate(ctx, s, "wiki.test.raw")
//	fmt.Println(r.Metric, r.Value, r.Protocol)
//
// A measurement can also be selected by name, as in the command, with the choices of its protocol in [Options]:
//
//	n, err := eval.Find("piqa")
//	r, err := n.New(eval.Options{Protocol: "gpt3", Shots: 3, Examples: "train.jsonl"}).Evaluate(ctx, s, "valid.jsonl")
//
// A prefix that choices share, such as the question, is computed once; see [Scorer].
//
// A number without its protocol means little: for a single public checkpoint, published
// perplexities of the same text differ by a factor of two. So a [Result] always says how it
// was made, down to the hash of the data. [All] lists the measurements by name.
//
// Terms: the log-likelihood of a text is the sum of the natural logarithms of its tokens'
// probabilities, each given all tokens before it; the window is the number of tokens a model is
// given at once.
package eval
