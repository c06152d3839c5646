// Package nanochat declares nanochat's GPT (Karpathy 2025) as a symbolic graph: rotary positions, norms of
// queries and keys, squared ReLU, a norm behind the embedding, and neither biases nor gains. It computes what
// transformers' NanoChatForCausalLM does, under its names and keys.
package nanochat
