// Package chat turns conversations into tokens, in the format that a model was trained on, and turns what the model
// generates back into messages.
//
// A [Format] is one of these formats. [For] finds that of a tokenizer: harmony if it has harmony's tokens (gpt-oss), else
// the chat template in chat_template.jinja or tokenizer_config.json, as in Hugging Face's models and GGUF files.
//
//	f, err := chat.For(tok)
//	messages := f.Begin("Be brief.")                       // with a system prompt
//	messages = append(messages, chat.Message{Role: chat.User, Content: "Hello!"})
//	ids, err := f.Prompt(messages)                         // up to where the assistant begins
//	p := f.Parser()                                        // for what the model generates, token by token
//
// # Templates
//
// A template is a program in Jinja. github.com/ardanlabs/jinja runs it as transformers' apply_chat_template would:
// with messages, add_generation_prompt, the special tokens by name, raise_exception and strftime_now, and with
// trim_blocks and lstrip_blocks. This package handles the white space around tags. Where Jinja fails because
// something is undefined, the library continues with an empty value; a prompt without what a user said is therefore
// an error.
//
// The content of a message is never searched for special tokens: a user who writes <|im_end|> does not end a message.
// transformers renders to text and finds all special tokens in it, whoever wrote them; for conversations without such
// text, the tokens are equal.
//
// A template comes from an untrusted file. It can read or write nothing, and its source, loops, calls, running time
// and the texts that it builds are bounded.
package chat
