// Package models is the catalogue of the models that this project declares: by name,
// or by the config.json of a checkpoint.
//
//	m, err := models.Find("gpt2")
//	s := graph.New(graph.NewParams(1))
//	logits := m.Graph(s, s.Ints("tokens", 1, 1024)) // (B·T, V)
//
// Each family has a package of its own, whose file of the same name declares the graph:
// that is what to read and to change. A family is added by a package with a type that
// is a [Model], and a line in [All] and in [Parse].
package models
