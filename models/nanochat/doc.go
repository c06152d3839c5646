// Package nanochat declares nanochat's GPT (Karpathy 2025) as a symbolic graph: rotary positions, norms on
// queries and keys, squared ReLU, a norm after the embedding, and neither biases nor gains. It computes the
// same as transformers' NanoChatForCausalLM, under its names and keys.
package nanochat
