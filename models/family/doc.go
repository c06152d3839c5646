// Package family defines what a family of models is and keeps the list of families. It knows what the
// config.json files of Hugging Face's models have in common. A family supplies its graph and a struct whose
// json tags are the keys specific to it. This package reads, writes and checks the file, sets sizes and
// dropout, and names the tensors of a checkpoint.
//
// Every key is either read, known not to affect the results, or rejected with an error that names it, so that
// no file gives different results here than in transformers.
//
// Programs use this package through package models, which imports the families of this module to make them
// known. The families cannot import package models in turn, so what they need is in this package.
package family
