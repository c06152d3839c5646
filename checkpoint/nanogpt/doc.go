// Package nanogpt reads the checkpoints of nanoGPT (github.com/karpathy/nanoGPT), named ckpt.pt: a file of
// torch.save with model.state_dict() under "model" and the sizes under "model_args". Nothing in it is run.
// The tensors get the shapes of Hugging Face's GPT-2.
package nanogpt
