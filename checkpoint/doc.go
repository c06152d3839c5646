// Package checkpoint writes and reads trained models as files.
//
// A checkpoint is a Hugging Face model directory, which Python's transformers
// opens as it is:
//
//	config.json            the architecture
//	model.safetensors      the weights, under Hugging Face's names
//	tokenizer.json, …      the tokenizer's own files
//	trainer.json           step, seeds, schedule, data position (if training may go on)
//	optimizer.safetensors  the solver's moments (likewise)
//	lora.safetensors       what learns beside frozen weights (likewise)
//
// [Save] puts such a directory in place in one step: a crash at any moment
// leaves either the former checkpoint or the new one. [Point] names one of
// several as "latest" or "best"; [Open] reads one, through such a name too, and what tells all that a
// directory does in another form.
//
//	err := checkpoint.Save("out/step-002000", checkpoint.Contents{
//		Config:    config,
//		Params:    params,
//		Tokenizer: tok.Save,
//	})
//	err = checkpoint.Point("out", "latest", "step-002000")
//	…
//	m, err := checkpoint.Load("out/latest") // m.Model, m.Params, m.Tokenizer, to run it
//	…
//	c, err := checkpoint.Open("out/latest") // to take it apart, or to train on
//	err = c.Config(&config)
//	err = c.Params(params)
//
// Models of others are found by [Recognize], whatever their form; each format has a
// package of its own below this one, which tells it byte by byte: safetensors,
// pickle (PyTorch), tfbundle (TensorFlow), npy (NumPy), llmc (llm.c), gguf (llama.cpp), nanogpt, and openai,
// which puts OpenAI's files together. [RegisterForm] adds another. All give a [weights.Source].
// What is found is checked against the declared model as a whole before anything is allocated.
//
// Words: a tensor is a name, a shape and numbers; a pointer is a name such as
// "latest" that stands for a checkpoint beside it.
package checkpoint
