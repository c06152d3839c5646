// Package config reads config.json, Hugging Face's description of a model, for all families:
// it knows what transformers' configurations have in common, and takes from each family a table
// of [Keys]. A key is read, has no say in the results, or is refused by name, so that no file
// gives other numbers here than in transformers.
package config
