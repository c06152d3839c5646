// Package gpt2 declares GPT-2 (Radford et al. 2019, "Language Models are
// Unsupervised Multitask Learners") as a symbolic graph.
//
// A [Config] holds the size of the model, and its Body declares the graph; everything else is in package
// models. [Sizes] holds the four published configurations and two small ones for CPUs. Parameters have
// Hugging Face's names, so a checkpoint needs no renaming.
package gpt2
