// Package models is the catalogue of the models that this project declares: by name,
// or by the config.json of a checkpoint.
//
//	m, err := models.Find("gpt2")
//	s := graph.New(graph.NewParams(1))
//	logits := models.Logits(m, s, s.Ints("tokens", 1, 1024)) // (B·T, V)
//
// Each family has a package of its own, whose file of the same name declares the graph: that is
// what to read and to change. A [Model] is a configuration, such as gpt2.New makes one, that
// declares everything below the head; all else is done by functions here, the same for every
// family. A family of one's own, in whatever module, is a struct, its Body, and a [Register] in
// an init function of its package:
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
// A program that imports it has every command for it by cli.Main: its checkpoints are opened by
// their model_type.
package models
