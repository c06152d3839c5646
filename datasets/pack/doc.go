// Package pack encodes a corpus into token shards in the format of llm.c (package shard),
// so that the text is tokenized only once and training reads tokens at the speed of the disk.
//
// A folder of shards, or its equivalent in an object store (package store), consists of
//
//	train_000000.bin …   the tokens of the training text, with the end-of-text token after each document
//	val_000000.bin …     the same for the validation text
//	pack.json            the [Index]: what each file holds, with its SHA-256
//	tokenizer/           the tokenizer, for training and for checkpoints
//
// Each shard has Options.ShardTokens tokens, except that the last may have fewer; a document may
// continue in the next shard. Shards depend only on the corpus, the tokenizer and the options: not
// on the number of goroutines or machines, nor on whether the work was interrupted and resumed.
//
// # Items
//
// The work is divided into items: sections of the corpus of about 32 MiB, which are the same on every machine that
// opens the corpus. [Work.Encode] encodes one item into a [Part], a file of tokens, independently of all others; it
// may be called for any item on any machine, and more than once. It has three drivers: [Pack] on the processors
// of one machine, [PackShard] for a slice of the items, in an array of jobs, and Apache Beam (module gorgpt/beam).
// Then [Join] makes shards from the parts, regardless of where those end:
//
//	parts/000000.tokens …           the tokens of an item: those of validation first, then those of training
//	parts/00003-of-00016.json       the [Manifest] of a slice: its parts, and what they were made from
package pack
