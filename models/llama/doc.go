// Package llama declares Llama (Touvron et al. 2023): a GPT with an RMS norm before each branch, rotary
// positions, grouped-query attention, and a SwiGLU in place of the MLP. Most open weights have this form,
// among them those of SmolLM2 and TinyLlama. Files are those of transformers' LlamaForCausalLM.
package llama
