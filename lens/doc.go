// Package lens looks into a model while it reads a text: how likely each token was and which alternatives it had; the
// residual stream from the embedding to the head, its norms, and what the head would predict from it at every depth
// (the logit lens, nostalgebraist 2020); the weights of each attention head; the values of every node of the graph.
//
//	r, err := lens.New(model, params)
//	defer r.Close()
//	scores, err := r.Scores(ctx, ids, 5)      // what comes next, for each position
//	maps, err := r.Attention(ctx, ids, 0, 1)  // of layer 0: (H, T, T)
//	depths, err := r.Logits(ctx, ids, 3, 4, 5) // at position 3, for every place in the stream
//
// It works for any family and for edited models, since it finds everything through the graph: blocks are the layers
// whose paths are numbered, the stream is followed through sums that have an input on it, and attention weights are
// exposed values of the shape (H, T, T). The package knows no family's names.
package lens
