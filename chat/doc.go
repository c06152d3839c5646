// Package chat turns conversations into tokens, in the form that a model was taught, and what the model writes into
// messages again.
//
// A [Format] is such a form. [For] finds that of a tokenizer: harmony where it has its tokens (gpt-oss), else the chat template
// that lies beside it, in chat_template.jinja or in tokenizer_config.json, as Hugging Face's models and GGUF files have it.
//
//	f, err := chat.For(tok)
//	messages := f.Begin("Be brief.")                       // with a system prompt
//	messages = append(messages, chat.Message{Role: chat.User, Content: "Hello!"})
//	ids, err := f.Prompt(messages)                         // up to where the assistant begins
//	p := f.Parser()                                        // for what the model goes on with, token by token
//
// # Templates
//
// A template is a program in Jinja. github.com/ardanlabs/jinja runs it, as transformers' apply_chat_template would: with messages,
// add_generation_prompt, the special tokens by name, raise_exception and strftime_now, with trim_blocks and lstrip_blocks. White space
// around tags is dealt with here. Where Jinja ends with an error as something is undefined, the library goes on with nothing;
// a prompt that lacks what a user says is therefore an error.
//
// What a message says is never read for special tokens: a user who writes <|im_end|> ends no message. transformers renders to text and
// reads all special tokens in it, whoever wrote them; of conversations without such text the tokens are equal.
//
// A template comes with a file of somebody's. It can read and write nothing; its source, its loops, its calls, its time and the texts it builds are bounded.
package chat
