// Package shard writes files of token ids in the format of llm.c, which
// github.com/karpathy/llm.c and package datasets read.
//
// A file is a header of 256 little-endian int32 followed by the tokens, each a little-endian uint16, or uint32
// if the vocabulary has more than 65,536 tokens (llm.c's format for Llama 3):
//
//	offset  bytes  what
//	0       4      20240520, the magic number; 20240801 for tokens of 4 bytes
//	4       4      1, the version; 7 for tokens of 4 bytes
//	8       4      number of tokens
//	12      1012   zero
//	1024    2·n    the tokens; 4·n
package shard
