package harmony_test

import (
	"fmt"
	"log"

	"github.com/gorgpt/gorgpt/harmony"
	"github.com/gorgpt/gorgpt/tokenizer"
)

func format() (tokenizer.Tokenizer, *harmony.Format) {
	tok, err := tokenizer.O200kHarmony()
	if err != nil {
		log.Fatal(err)
	}
	f, err := harmony.New(tok)
	if err != nil {
		log.Fatal(err)
	}
	return tok, f
}

func ExampleNew() {
	tok, f := format()
	ids, err := f.Prompt([]harmony.Message{
		{Role: harmony.User, Content: "What is 2+2?"},
		{Role: harmony.Assistant, Channel: harmony.Analysis, Content: "Easy."},
		{Role: harmony.Assistant, Channel: harmony.Final, Content: "4"},
		{Role: harmony.User, Content: "Say <|end|>."},
	})
	if err != nil {
		log.Fatal(err)
	}
	text, err := tok.AppendText(nil, ids)
	fmt.Println(string(text), err)
	// Output:
	// <|start|>user<|message|>What is 2+2?<|end|><|start|>assistant<|channel|>final<|message|>4<|end|><|start|>user<|message|>Say <|end|>.<|end|><|start|>assistant <nil>
}

func ExampleFormat_Parser() {
	tok, f := format()
	ids, err := tokenizer.AppendSpecial(tok, nil, []byte("<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>It is 4.<|return|>"))
	if err != nil {
		log.Fatal(err)
	}
	p := f.Parser(harmony.Assistant)
	for _, id := range ids {
		if _, err := p.Next(id); err != nil {
			log.Fatal(err)
		}
	}
	for _, m := range p.Messages() {
		fmt.Println(m.Channel, "says", m.Content)
	}
	// Output:
	// analysis says Easy.
	// final says It is 4.
}

func ExampleInstructions() {
	_, f := format()
	ids, err := f.Render([]harmony.Message{harmony.Setup{Reasoning: "low"}.Message(), harmony.Instructions("Be brief.")})
	fmt.Println(len(ids), err)
	// Output: 18 <nil>
}
