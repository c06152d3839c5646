// Package gpt1 declares GPT-1 (Radford et al. 2018, "Improving Language Understanding by
// Generative Pre-Training") as a symbolic graph.
//
// A [Config] holds the size of the model, and its Body declares the graph; everything else is in package
// models. [Sizes] holds the published configuration and gpt1-nano, a small one for CPUs. Parameters have
// Hugging Face's names, so a checkpoint needs no renaming.
package gpt1
