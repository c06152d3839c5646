// Package family says what a family of models is, and keeps the list of them. It knows what
// the config.json of Hugging Face's models have in common: a family brings a struct whose json
// tags are the keys of its own, and its graph; reading, writing and checking the file, setting
// sizes and dropout, and naming the tensors of a checkpoint are done here.
//
// A key is read, has no say in the results, or is refused by name, so that no file gives other
// numbers here than in transformers.
//
// Programs use it as package models, which imports the families of this module so that they are
// known; these cannot import that, and are why this package is one of its own.
package family
