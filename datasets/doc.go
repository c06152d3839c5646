// Package datasets streams text as batches of token ids.
//
// A [Source] is a list of documents: a file, a folder, a glob, the Go standard
// library, or texts in memory. Files may be plain text, JSON lines, Parquet or token
// shards, and compressed; [Open] tells them by their names, [RegisterFormat] adds a format.
// [Split] cuts it into a training and a validation part. [NewTraining] and [NewValidation]
// encode a part with a tokenizer and cut it into batches of fixed shape (B, T), each token
// with the next one as its target:
//
//	src, err := datasets.Open("input.txt")
//	train, val, err := datasets.Split(src, 0.1)
//	tok, err := tokenizer.LearnChars(src.Texts())
//	stream, err := datasets.NewTraining(train, tok, datasets.Config{Batch: 12, Context: 64, Seed: 1})
//	stream = datasets.Prefetch(stream, 4)
//	defer stream.Close()
//	batch, err := stream.Next(ctx) // batch.Tokens, batch.Targets: (12, 64)
//
// [Mix] draws from several streams by weight.
//
// Text is read in pieces of 64 KiB, or text by text where a file holds many, so memory
// does not grow with the corpus: a stream holds one block of windows (Config.Buffer)
// and one piece. Token shards are mapped into memory and given back as they are read.
//
// # How training text is cut
//
// In each epoch the documents come in a new order, each followed by the
// tokenizer's end of text where it has one. The tokens, less a random few at
// the start, are cut into windows of T+1 that share one token with the next
// window, so that each token is predicted once an epoch. As many windows as
// Config.Buffer holds make a block, whose windows are shuffled. With
// Config.Anywhere, as many windows start at random places of the block; with
// Config.Packed, they end where documents do. All of it
// follows from Config.Seed, so a position is a few numbers: [Stream] State.
//
// Words used here: B windows make a batch; T is the context, the tokens of a
// window that the model sees at once; an epoch is one pass over the documents.
package datasets
