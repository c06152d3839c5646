// Package harmony renders and parses conversations in the format that OpenAI's gpt-oss was trained on
// (https://github.com/openai/harmony): messages, each with a role and perhaps a channel, between special tokens.
//
//	<|start|>user<|message|>What is 2+2?<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>
//
// A [Format] holds the special tokens of a tokenizer that has them. The content of a message is never
// searched for them: text that looks like a special token remains text. This also holds for what a model
// writes within a message.
//
//	f, err := harmony.New(tok)
//	ids, err := f.Prompt(messages)        // up to where the assistant begins
//	p := f.Parser("assistant")            // for what the model generates, token by token
package harmony
