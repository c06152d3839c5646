// Package checkpoint writes and reads trained models as files.
//
// A checkpoint is a Hugging Face model directory, which Python's transformers can open as it is:
//
//	config.json            the architecture
//	model.safetensors      the weights, under Hugging Face's names
//	tokenizer.json, …      the tokenizer's own files
//	trainer.json           step, seeds, schedule, data position (if training can be resumed)
//	optimizer.safetensors  the optimizer's moments (likewise)
//	lora.safetensors       the adapters trained beside frozen weights (likewise)
//
// [Save] puts such a directory in place in one step: after a crash at any moment, there is either the former
// checkpoint or the new one. [Point] names one of several checkpoints "latest" or "best". [Open] reads one,
// directly or through such a name. It also reads other forms that hold everything that a directory does.
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
//	c, err := checkpoint.Open("out/latest") // to read its parts, or to resume training
//	err = c.Config(&config)
//	err = c.Params(params)
//
// [Recognize] opens models that other programs saved, whatever their form. Each format has a package below
// this one, which documents it byte by byte: safetensors, pickle (PyTorch), tfbundle (TensorFlow), npy
// (NumPy), llmc (llm.c), llama2c (llama2.c), gguf (llama.cpp), nanogpt, and openai, which assembles OpenAI's
// files. [RegisterForm] adds another. All of them provide a [weights.Source]. The tensors found are checked
// against the whole declared model before anything is allocated.
//
// In these packages, a tensor is a name, a shape and numbers, and a pointer is a name such as "latest" that
// stands for a checkpoint in the same directory.
package checkpoint
