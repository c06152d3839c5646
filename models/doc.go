// Package models is the catalogue of the models that this project declares. A model is found by its name or
// by the config.json of a checkpoint.
//
//	m, err := models.Find("gpt2")
//	s := graph.New(graph.NewParams(1))
//	logits := models.Logits(m, s, s.Ints("tokens", 1, 1024)) // (B·T, V)
//
// Each family has its own package, in which the file named after the family declares the graph: that is the
// file to read and to change. A [Model] is a configuration, such as gpt2.New returns, that declares
// everything below the head. Everything else is done by the functions here, which are the same for every
// family. To add a family, from any module, write a struct with a Body method and call [Register] in an init
// function of its package:
//
//	type Config struct {
//		Vocab  int `json:"vocab_size"`
//		…
//	}
//
//	func (c Config) Body(s *graph.Scope, tokens *G.Node) (x, embedding *G.Node) { … }
//
//	func init() {
//		models.Register(models.Family{Type: "mine", Default: Config{…}, Sizes: []models.Named{{…}}})
//	}
//
// A program that imports the package and calls cli.Main has every command for the new family. Its checkpoints
// are recognized by their model_type.
package models
