package tokenizer_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"testing/fstest"

	"github.com/gorgpt/gorgpt/tokenizer"
)

func ExampleBytes() {
	tok := tokenizer.Bytes()
	ids, err := tok.Append(nil, []byte("Go é"))
	if err != nil {
		log.Fatal(err)
	}
	end, _ := tok.EndOfText()
	text, err := tok.AppendText(nil, append(ids, end))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids, tok.Size())
	fmt.Printf("%s\n", text)
	// Output:
	// [71 111 32 195 169] 257
	// Go é<|endoftext|>
}

func ExampleNewChars() {
	tok, err := tokenizer.NewChars(strings.NewReader("to be or not to be"))
	if err != nil {
		log.Fatal(err)
	}
	ids, err := tok.Append(nil, []byte("to bet"))
	fmt.Println(ids, tok.Size(), err)
	_, err = tok.Append(nil, []byte("to bite"))
	fmt.Println(err)
	// Output:
	// [6 4 0 1 2 6] 7 <nil>
	// offset 4: character 'i' (U+0069) is not in the vocabulary of 7 characters
}

func ExampleLearnChars() {
	poems := map[string]string{"haiku": "古池や", "limerick": "There was"}
	tok, err := tokenizer.LearnChars(func(yield func(string, io.Reader) bool) {
		for name, text := range poems {
			if !yield(name, strings.NewReader(text)) {
				return
			}
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tok.Name(), tok.Size())
	// Output: chars 11
}

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "tokenizer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := tokenizer.Bytes().Save(dir); err != nil {
		log.Fatal(err)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tok.Name(), tok.Size())
	// Output: bytes 257
}

// LoadFS reads files that are not in a folder on disk, for example files embedded in the program.
func ExampleLoadFS() {
	files := fstest.MapFS{
		"vocab.json": {Data: []byte(`{"l": 0, "o": 1, "w": 2, "lo": 3, "low": 4}`)},
		"merges.txt": {Data: []byte("l o\nlo w\n")},
	}
	tok, err := tokenizer.LoadFS(files, "embedded")
	if err != nil {
		log.Fatal(err)
	}
	ids, err := tok.Append(nil, []byte("lowlo"))
	fmt.Println(ids, err)
	// Output: [4 3] <nil>
}

func ExampleSugarme() {
	tok, err := tokenizer.NewChars(strings.NewReader("naïve"))
	if err != nil {
		log.Fatal(err)
	}
	s, err := tokenizer.Sugarme(tok)
	if err != nil {
		log.Fatal(err)
	}
	en, err := s.EncodeSingle("vïa")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(en.Ids, en.Tokens, en.Offsets)
	fmt.Println(s.Decode(en.Ids, true))
	// Output:
	// [3 4 0] [v ï a] [[0 1] [1 3] [3 4]]
	// vïa
}

func ExampleO200kHarmony() {
	tok, err := tokenizer.O200kHarmony()
	if err != nil {
		log.Fatal(err)
	}
	ids, err := tokenizer.AppendSpecial(tok, nil, []byte("<|start|>assistant<|channel|>final<|message|>It's 1234."))
	fmt.Println(ids, err)
	// Output: [200006 173781 200005 17196 200008 15834 220 7633 19 13] <nil>
}

func ExampleGPT2() {
	tok, err := tokenizer.GPT2()
	if err != nil {
		log.Fatal(err)
	}
	ids, err := tok.Append(nil, []byte("Hello, world!<|endoftext|>"))
	fmt.Println(ids, err)
	ids, err = tokenizer.AppendSpecial(tok, nil, []byte("Hello, world!<|endoftext|>"))
	fmt.Println(ids, err)
	// Output:
	// [15496 11 995 0 27 91 437 1659 5239 91 29] <nil>
	// [15496 11 995 0 50256] <nil>
}

func ExampleLearnBPE() {
	poems := map[string]string{"haiku": "low low low lower", "limerick": "newest newest widest"}
	tok, err := tokenizer.LearnBPE(func(yield func(string, io.Reader) bool) {
		for name, text := range poems {
			if !yield(name, strings.NewReader(text)) {
				return
			}
		}
	}, 256+4+1)
	if err != nil {
		log.Fatal(err)
	}
	for id := 256; id < tok.Size(); id++ {
		text, err := tok.AppendText(nil, []int{id})
		fmt.Printf("%d %q %v\n", id, text, err)
	}
	// Output:
	// 256 "lo" <nil>
	// 257 "low" <nil>
	// 258 "es" <nil>
	// 259 " low" <nil>
	// 260 "<|endoftext|>" <nil>
}

func ExampleAddSpecials() {
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "_start_", "_delimiter_", "_classify_")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokenizer.Specials(tok))
	fmt.Println(tokenizer.AppendSpecial(tok, nil, []byte("_start_yes_classify_")))
	// Output:
	// [{<|endoftext|> 256} {_start_ 257} {_delimiter_ 258} {_classify_ 259}]
	// [257 121 101 115 259] <nil>
}

func ExampleBatches() {
	texts := func(yield func(string, io.Reader) bool) {
		_ = yield("a.txt", strings.NewReader("short")) && yield("b.txt", strings.NewReader("a longer text"))
	}
	for batch, err := range tokenizer.Batches(nil, texts, 16) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("batch")
		for _, s := range batch {
			fmt.Printf("%s %d %q %t\n", s.Name, s.Offset, s.Text, s.End)
		}
	}
	// Output:
	// batch
	// a.txt 0 "short" true
	// b.txt 0 "a longer" false
	// batch
	// b.txt 8 " text" true
}

func ExampleStandardize() {
	fmt.Printf("%q\n", tokenizer.Standardize("Well—yes;\n\nno…"))
	// Output: "Well - yes ; \n no..."
}

func ExampleFind() {
	tok, err := tokenizer.Find("bytes", nil)
	fmt.Println(tok.Size(), err)
	_, err = tokenizer.Find("byte", nil)
	fmt.Println(err)
	// Output:
	// 257 <nil>
	// unknown tokenizer "byte"; did you mean "bytes"?
}

func ExampleLines() {
	err := tokenizer.Lines{}.Convert(tokenizer.Bytes(), strings.NewReader("ab\nc\n"), os.Stdout)
	fmt.Println(err)
	// Output:
	// [97,98]
	// [99]
	// <nil>
}

// ExampleSizes counts the bytes that ids stand for, without special tokens.
func ExampleSizes() {
	tok, err := tokenizer.GPT2()
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, err := tok.Append(nil, []byte("naïve naïveté"))
	if err != nil {
		fmt.Println(err)
		return
	}
	end, _ := tok.EndOfText()
	bytes := 0
	for _, id := range append(ids, end) {
		bytes += tokenizer.Sizes(tok)[id]
	}
	fmt.Println(len(ids), "tokens,", bytes, "bytes")
	// Output: 6 tokens, 16 bytes
}
