// Package datasets streams text as batches of token ids.
//
// A [Source] is a list of documents: a file, a folder, a glob, the Go standard
// library, or texts in memory. Files may be plain text, JSON lines, Parquet or token
// shards, and may be compressed; [Open] recognizes them by name, and [RegisterFormat] adds
// a format. [Split] divides a source into a training and a validation part. [NewTraining]
// and [NewValidation] encode a part with a tokenizer and cut it into batches of fixed shape
// (B, T), in which each token has the next one as its target:
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
// Text is read in pieces of 64 KiB, or text by text if a file holds many, so memory use
// does not grow with the corpus: a stream holds one block of windows (Config.Buffer)
// and one piece. Token shards are mapped into memory, and their pages are released as
// they are read.
//
// # How training text is cut
//
// Each epoch visits the documents in a new order, each followed by the
// tokenizer's end-of-text token if it has one. The tokens, except a random
// few at the start, are cut into windows of T+1 that share one token with the
// next window, so that each token is predicted once an epoch. As many windows
// as Config.Buffer holds make a block, whose windows are shuffled. With
// Config.Anywhere, the same number of windows start at random positions in the
// block; with Config.Packed, windows end where documents do. All of this is
// determined by Config.Seed, so a position is only a few numbers; see State of
// [Stream].
//
// Terms used here: B windows make a batch; T is the context, the tokens of a
// window that the model sees at once; an epoch is one pass over the documents.
package datasets
