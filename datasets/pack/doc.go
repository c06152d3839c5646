// Package pack encodes a corpus once and for all, into token shards as llm.c has them
// (package shard), which training then reads as fast as the disk gives them.
//
// A folder of shards is
//
//	train_000000.bin …   the tokens of the training text; the end of text after each
//	val_000000.bin …     the same of the validation text
//	pack.json            the [Index]: what each file holds, with its SHA-256
//	tokenizer/           the tokenizer, for training and for checkpoints
//
// Shards have Options.ShardTokens tokens each, the last one fewer, wherever documents
// end. They depend on nothing but the corpus, the tokenizer and the options: not on the
// number of goroutines, nor on whether the work was interrupted and begun again.
package pack
