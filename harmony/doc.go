// Package harmony writes and reads conversations in the format that OpenAI's gpt-oss was trained on
// (https://github.com/openai/harmony): messages of a role on a channel, between special tokens.
//
//	<|start|>user<|message|>What is 2+2?<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>
//
// A [Format] knows the special tokens of a tokenizer that has them. What a message says is never read for
// them: text that is written like one stays text. So is what a model writes within a message.
//
//	f, err := harmony.New(tok)
//	ids, err := f.Prompt(messages)        // up to where the assistant begins
//	p := f.Parser("assistant")            // for what the model goes on with, token by token
package harmony
