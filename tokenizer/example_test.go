package tokenizer_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"

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
