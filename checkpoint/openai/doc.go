// Package openai reads the files in which OpenAI published the weights of GPT-1 and GPT-2, under Hugging
// Face's names and shapes, and the configuration of gpt-oss.
//
//	src, err := openai.GPT2("models/124M")                   // a TensorFlow checkpoint
//	src, err := openai.GPT1("finetune-transformer-lm/model") // params_0.npy, …
//	defer src.Close()
//	x := make([]float32, n)
//	err = src.Read("h.0.attn.c_attn.weight", x)
//
// # GPT-2
//
// A directory with model.ckpt.index, model.ckpt.data-00000-of-00001 (package tfbundle), hparams.json,
// encoder.json and vocab.bpe. The tensor model/h3/mlp/c_fc/w of shape (1, in, out) is h.3.mlp.c_fc.weight of
// shape (in, out); g is a layer norm's weight, b a bias.
//
// # GPT-1
//
// A directory with params_shapes.json, a list of shapes, and params_0.npy to params_9.npy, which together are
// one sequence of numbers: the boundaries between the files have no meaning. In order: positions, tokens, and
// for each layer the weight and bias of attn.c_attn, attn.c_proj, ln_1, mlp.c_fc, mlp.c_proj, ln_2.
//
// # gpt-oss
//
// The directory original/ beside Hugging Face's files: config.json with OpenAI's keys, and safetensors with
// OpenAI's names, which the family knows.
package openai
