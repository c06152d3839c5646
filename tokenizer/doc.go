// Package tokenizer turns text into token ids and back.
//
// A [Tokenizer] is a vocabulary with a rule for cutting text: [Bytes] has one
// token for each byte, [NewChars] one for each character of a given text, [GPT2]
// the tokens of OpenAI's GPT-2, [LearnBPE] as many as asked for, learned from a text.
// All of these are lossless: decoding gives back the bytes that were encoded. [Load]
// opens them from files, other byte-level tokenizers, and GPT-1's. What files say may make
// one lossy, as a normalizer does.
//
//	tok, err := tokenizer.NewChars(strings.NewReader("to be or not to be"))
//	ids, err := tok.Append(nil, []byte("to bet"))   // 6 4 0 1 2 6
//	text, err := tok.AppendText(nil, ids)           // "to bet"
//
// [Tokenizer.Save] writes the files that Hugging Face's transformers opens,
// with the same ids there, and Load reads them back. [Sugarme] gives any
// Tokenizer the type that code written for github.com/sugarme/tokenizer wants.
//
// Words used here: a token's id is its index in the vocabulary; the end of
// text is a token that no text contains and that stands between documents;
// an offset counts bytes from the start of a text.
package tokenizer
