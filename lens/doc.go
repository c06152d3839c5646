// Package lens reads what is inside a model while it reads a text: how likely each token was, and what else might have stood in
// its place; the residual stream from the embedding to the head, its norms, and what the head would make of it at every
// depth (the logit lens, nostalgebraist 2020); what each head of attention reads; the values of every node of the graph.
//
//	r, err := lens.New(model, params)
//	defer r.Close()
//	scores, err := r.Scores(ctx, ids, 5)      // of each position, what comes next
//	maps, err := r.Attention(ctx, ids, 0, 1)  // of layer 0: (H, T, T)
//	depths, err := r.Logits(ctx, ids, 3, 4, 5) // at position 3, of every place in the stream
//
// It works for any family, and for a model that was edited, since it finds things by the graph: blocks are the layers whose paths
// are numbered, the stream is what sums with one input on it go on with, and attention is what layers expose of the shape
// (H, T, T). No family's names are in here.
package lens
