// Package graph is the toolkit around one Gorgonia expression graph: the weights
// it reads, the places in it, the program made of it, and a look inside.
//
// A model is a function that declares nodes in a [Scope]. It is called once for
// every use, because the shapes of a Gorgonia graph are fixed when it is built;
// all graphs share one [Params], so a program that trains and one that evaluates
// see the same weights:
//
//	params := graph.NewParams(1)
//
//	s := graph.New(params, graph.Training())
//	loss := models.Loss(m, s, s.Ints("tokens", 8, 64), s.Ints("targets", 8, 64))
//	train, err := s.CompileGrad(loss)
//
//	s = graph.New(params)
//	logits := models.Logits(m, s, s.Ints("tokens", 1, 10))
//	predict, err := s.Compile(logits)
//
// Shapes are fixed in a graph; a [Family] has a program for each that is wanted, in one memory.
// An operation of one's own is an [Op], whose gradient [CheckGrad] checks. Parameters that shall
// stay as they are are frozen: [Params.Freeze].
//
// Declaring allocates nothing: weights are drawn and buffers made at the first
// run, so gpt2-xl can be declared, differentiated, counted and drawn on a laptop.
//
// A model is looked at and changed from outside: options such as [Replace] and [Watch]
// take layers by the paths of their scopes, [Scope.Nodes] lists the nodes, [Diff] compares
// two graphs; package draw makes pictures.
//
// Words: a scope's path, joined by dots, is the prefix of the names of its
// parameters, which equal Hugging Face's. B is the batch, T the context, C the
// width, H the heads, V the vocabulary.
package graph
