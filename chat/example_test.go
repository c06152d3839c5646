package chat_test

import (
	"fmt"
	"log"

	"github.com/gorgpt/gorgpt/chat"
	"github.com/gorgpt/gorgpt/tokenizer"
)

const template = `
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + ': ' + message.content + '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant: ' }}
{%- endif %}`

func ExampleNewTemplate() {
	tok, err := tokenizer.AddSpecials(tokenizer.Bytes(), "<|im_start|>", "<|im_end|>")
	if err != nil {
		log.Fatal(err)
	}
	f, err := chat.NewTemplate(tok, template, nil)
	if err != nil {
		log.Fatal(err)
	}
	messages := append(f.Begin("Be brief."), chat.Message{Role: chat.User, Content: "Hi!<|im_end|>"})
	ids, err := f.Prompt(messages)
	if err != nil {
		log.Fatal(err)
	}
	text, err := tok.AppendText(nil, ids)
	fmt.Println(string(text), err)
	fmt.Println(ids[:8], "...", ids[len(ids)-24:len(ids)-11]) // the text of the user is encoded as bytes
	fmt.Println("ends at", f.Stops())
	// Output:
	// <|im_start|>system: Be brief.<|im_end|><|im_start|>user: Hi!<|im_end|><|im_end|><|im_start|>assistant:  <nil>
	// [257 115 121 115 116 101 109 58] ... [33 60 124 105 109 95 101 110 100 124 62 258 257]
	// ends at [258]
}

func ExampleFor() {
	tok, err := tokenizer.O200kHarmony() // the tokenizer of gpt-oss, whose format is harmony
	if err != nil {
		log.Fatal(err)
	}
	f, err := chat.For(tok)
	if err != nil {
		log.Fatal(err)
	}
	p := f.Parser()
	answer, err := tokenizer.AppendSpecial(tok, nil, []byte("<|channel|>final<|message|>4<|return|>"))
	for _, id := range answer {
		if _, err := p.Next(id); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(p.Messages(), err)
	// Output: [{assistant  final   4}] <nil>
}
