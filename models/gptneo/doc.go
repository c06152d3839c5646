// Package gptneo declares GPT-Neo (Black et al. 2021), EleutherAI's models in the style of GPT-3, as a
// symbolic graph. It is here to read their weights, and because transformers has no other model with GPT-3's
// bands.
//
// It differs from package gpt3 in how parameters are stored and in what is left out: queries, keys and values
// have separate weights (out, in) without biases, and scores are not divided by the root of a head's width.
// Parameters have Hugging Face's names.
package gptneo
