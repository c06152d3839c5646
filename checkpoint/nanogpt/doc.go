// Package nanogpt reads the checkpoints of nanoGPT (github.com/karpathy/nanoGPT), its ckpt.pt: a
// file of torch.save that holds model.state_dict() under "model" and the sizes under "model_args".
// Nothing in it is run. The tensors get the shapes that Hugging Face's GPT-2 has.
package nanogpt
