package eval_test

import (
	"context"
	"fmt"

	"github.com/gorgpt/gorgpt/eval"
)

func ExamplePerplexity() {
	s, err := openModel("testdata/model", 0) // a Subject of a checkpoint
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	r, err := eval.Perplexity{Stride: 40, BOS: true}.Evaluate(context.Background(), s, "testdata/text.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %.3f over %d tokens\n", r.Metric, r.Value, r.Tokens)
	// Output: perplexity_per_token 3.670 over 2154 tokens
}

func ExampleSubject_Continuation() {
	s, err := openModel("testdata/model", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	for _, word := range []string{" barks", " purrs"} {
		c, err := s.Continuation("Ann has a dog. It lives by the pond. Every day the dog", word)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %.1f\n", word, c.LogLikelihood)
	}
	// Output:
	//  barks -0.1
	//  purrs -8.9
}

func ExampleSubject_NewScorer() {
	s, err := openModel("testdata/model", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	question := []byte("Ann has a dog. It lives by the pond. Every day the dog")
	var set []eval.Sequence
	for _, word := range []string{" barks", " purrs"} {
		ids, err := s.Tokenizer.Append(nil, append(question, word...))
		if err != nil {
			fmt.Println(err)
			return
		}
		set = append(set, eval.Sequence{IDs: ids, From: len(question)}) // a byte is a token
	}
	all, err := s.NewScorer().Score(set) // the question runs once
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, scored := range all {
		fmt.Printf("%d tokens, the second %.1f\n", len(scored), scored[1].LogProb)
	}
	// Output:
	// 6 tokens, the second -0.1
	// 6 tokens, the second -4.0
}

func ExampleFind() {
	_, err := eval.Find("lambda")
	fmt.Println(err)
	// Output: unknown evaluation "lambda"; did you mean "lambada"?
}
