// Package gpt2 declares GPT-2 (Radford et al. 2019, "Language Models are
// Unsupervised Multitask Learners") as a symbolic graph.
//
// A [Config] says how large the model is; its Body declares it; package models has the rest.
// [Sizes] holds the four published configurations and two small ones for CPUs.
// Parameters have Hugging Face's names, so a checkpoint needs no renaming.
package gpt2
