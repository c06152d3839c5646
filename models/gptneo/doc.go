// Package gptneo declares GPT-Neo (Black et al. 2021), EleutherAI's models in the manner of GPT-3, as a
// symbolic graph: to read their weights, and because transformers has no other model with
// GPT-3's bands.
//
// It differs from package gpt3 in how the same is stored and in what is left out: queries, keys and
// values have no biases and separate weights (out, in), and scores are not divided by the root of a
// head's width. Parameters have Hugging Face's names.
package gptneo
