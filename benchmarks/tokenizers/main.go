//go:build unix

// Command tokenizers times gorgpt's tokenizers on a file, for benchmarks/tokenizers/compare.py:
//
//	tokenizers gpt2|gpt1:DIR|bpe:N FILE GOROUTINES
//
// It prints a JSON object with the wall-clock and processor time in seconds, the number of tokens, and a digest
// of the ids. Caches are cold. Loading the vocabulary and reading the file are not timed. bpe:N trains a
// tokenizer; the others encode documents of 64 KB.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorgpt/gorgpt/tokenizer"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: tokenizers gpt2|gpt1:DIR|bpe:N FILE GOROUTINES")
	}
	kind := os.Args[1]
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	n, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(n)
	var answer any
	if size, ok := strings.CutPrefix(kind, "bpe:"); ok {
		answer, err = learn(text, size)
	} else {
		answer, err = encode(kind, text, n)
	}
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		log.Fatal(err)
	}
}

// measured is what the program prints.
type measured struct {
	Seconds   float64 `json:"seconds"`
	Processor float64 `json:"processor"`
	Tokens    int     `json:"tokens"`
	Digest    string  `json:"digest"`
}

// measure times f.
func measure(f func() error) (measured, error) {
	var m measured
	runtime.GC()
	before, start := processor(), time.Now()
	err := f()
	m.Seconds, m.Processor = time.Since(start).Seconds(), processor()-before
	return m, err
}

// processor returns the processor time of this process, in seconds.
func processor() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func learn(text []byte, size string) (measured, error) {
	n, err := strconv.Atoi(size)
	if err != nil {
		return measured{}, err
	}
	var tok tokenizer.Tokenizer
	m, err := measure(func() error {
		var err error
		tok, err = tokenizer.LearnBPE(func(yield func(string, io.Reader) bool) { yield("", strings.NewReader(string(text))) }, n)
		return err
	})
	if err == nil {
		m.Tokens = tok.Size()
	}
	return m, err
}

func encode(kind string, text []byte, n int) (measured, error) {
	var tok tokenizer.Tokenizer
	var err error
	if dir, ok := strings.CutPrefix(kind, "gpt1:"); ok {
		tok, err = tokenizer.Load(dir)
	} else {
		tok, err = tokenizer.GPT2()
	}
	if err != nil {
		return measured{}, err
	}
	var documents [][]byte
	for len(text) > 0 {
		cut := len(text)
		if cut > 64<<10 {
			cut = tokenizer.Cut(text[:64<<10])
		}
		documents = append(documents, text[:cut])
		text = text[cut:]
	}
	ids := make([][]int, len(documents))
	m, err := measure(func() error {
		var wait sync.WaitGroup
		failed := make([]error, n)
		for g := range n {
			wait.Go(func() {
				for i := g; i < len(documents); i += n {
					var err error
					if ids[i], err = tok.Append(nil, documents[i]); err != nil {
						failed[g] = err
					}
				}
			})
		}
		wait.Wait()
		for _, err := range failed {
			if err != nil {
				return err
			}
		}
		return nil
	})
	h := sha256.New()
	for _, one := range ids {
		m.Tokens += len(one)
		for _, id := range one {
			h.Write(binary.LittleEndian.AppendUint32(nil, uint32(id)))
		}
	}
	m.Digest = fmt.Sprintf("%x", h.Sum(nil))
	return m, err
}
