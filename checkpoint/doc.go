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
//
// [Save] puts such a directory in place in one step: a crash at any moment
// leaves either the former checkpoint or the new one. [Point] names one of
// several as "latest" or "best"; [Open] reads one, through such a name too.
//
//	err := checkpoint.Save("out/step-002000", checkpoint.Contents{
//		Config:    config,
//		Params:    params,
//		Tokenizer: tokenizer.Save,
//	})
//	err = checkpoint.Point("out", "latest", "step-002000")
//	…
//	c, err := checkpoint.Open("out/latest")
//	err = c.Config(&config)
//	err = c.Params(params, nil)
//
// # The safetensors format
//
// All numbers are little-endian.
//
//	offset  bytes  content
//	0       8      N, the length of the header, unsigned
//	8       N      the header: one JSON object, padded with spaces to a multiple of 8
//	8+N     rest   the data: tensors one after the other, row-major, no gaps
//
// The header maps each tensor's name to its number type, shape and place, as in
// {"wte.weight":{"dtype":"F32","shape":[65,128],"data_offsets":[0,33280]}};
// offsets count from 8+N. The key "__metadata__" holds a map from text to text;
// transformers wants {"format":"pt"} there.
//
// Words: a tensor is a name, a shape and numbers; a pointer is a name such as
// "latest" that stands for a checkpoint beside it.
package checkpoint
