// Package graph is the toolkit around a Gorgonia expression graph: the parameters that it reads, scopes that
// name the places in it, the program that it is compiled to, and tools to inspect it.
//
// A model is a function that declares nodes in a [Scope]. It is called once for every use, because the shapes
// of a Gorgonia graph are fixed when it is built. All graphs share one [Params], so a program that trains and
// one that evaluates see the same weights:
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
// A [Family] has a program for each shape that is needed, all in the same memory. A custom operation is an
// [Op], whose gradient [CheckGrad] checks. Parameters that are not to be trained are frozen: [Params.Freeze].
//
// Declaring allocates nothing: weights are drawn and buffers made by the first run, so gpt2-xl can be declared,
// differentiated, counted and drawn on a laptop.
//
// A model is inspected and changed from outside: options such as [Replace] and [Watch] select layers by the
// paths of their scopes, [Scope.Nodes] lists the nodes, [Diff] compares two graphs, and package draw makes
// pictures.
//
// Conventions: a scope's path, joined by dots, is the prefix of the names of its parameters, which equal
// Hugging Face's. B is the batch, T the context, C the width, H the heads, V the vocabulary.
package graph
