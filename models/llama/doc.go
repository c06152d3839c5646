// Package llama is Llama (Touvron et al. 2023): a GPT with a root-mean-square norm before each branch, rotary positions, heads that
// share keys and values, and a SwiGLU in the place of the MLP. It is the form that most open weights have, SmolLM2's and
// TinyLlama's among them; files are those of transformers' LlamaForCausalLM.
package llama
