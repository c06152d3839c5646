// Package pack encodes a corpus once and for all, into token shards as llm.c has them
// (package shard), which training then reads as fast as the disk gives them.
//
// A folder of shards, or what stands for one in an object store (package store), is
//
//	train_000000.bin …   the tokens of the training text; the end of text after each
//	val_000000.bin …     the same of the validation text
//	pack.json            the [Index]: what each file holds, with its SHA-256
//	tokenizer/           the tokenizer, for training and for checkpoints
//
// Shards have Options.ShardTokens tokens each, the last one fewer, wherever documents
// end. They depend on nothing but the corpus, the tokenizer and the options: not on the
// number of goroutines or machines, nor on whether the work was interrupted and begun again.
//
// # Items
//
// The work is cut into items, sections of the corpus of about 32 MiB, which every machine that opens the
// corpus finds alike. [Work.Encode] encodes one into a [Part], a file of tokens, and looks at nothing else; it
// may be called for any item anywhere, more than once too. Three things drive it: [Pack] on the processors
// of one machine, [PackShard] for a slice of the items, in an array of jobs, and Apache Beam (module gorgpt/beam).
// Then [Join] makes shards of the parts, wherever those end:
//
//	parts/000000.tokens …           the tokens of an item: those of validation first, then those of training
//	parts/00003-of-00016.json       the [Manifest] of a slice: its parts, and what they are of
package pack
