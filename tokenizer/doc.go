// Package tokenizer turns text into token ids and back.
//
// A [Tokenizer] is a vocabulary with a rule for cutting text: [Bytes] has one
// token for each byte, [NewChars] one for each character of a given text, [GPT2]
// the tokens of OpenAI's GPT-2, and [LearnBPE] a given number of tokens learned from
// a text. All of these are lossless: decoding gives back the bytes that were encoded.
// [Load] opens these and other byte-level tokenizers, GPT-1's and those of
// SentencePiece's kind from files. Settings in the files, such as a normalizer, can make a
// tokenizer lossy.
//
//	tok, err := tokenizer.NewChars(strings.NewReader("to be or not to be"))
//	ids, err := tok.Append(nil, []byte("to bet"))   // 6 4 0 1 2 6
//	text, err := tok.AppendText(nil, ids)           // "to bet"
//
// [Tokenizer.Save] writes files that Hugging Face's transformers can open,
// with the same ids, and Load reads them back. [Sugarme] adapts any
// Tokenizer for code written for github.com/sugarme/tokenizer.
//
// Terms used here: a token's id is its index in the vocabulary; the end of
// text is a token that no text contains and that separates documents;
// an offset counts bytes from the start of a text.
package tokenizer
