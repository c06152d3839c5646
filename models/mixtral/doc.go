// Package mixtral declares Mixtral (Jiang et al. 2024), Mistral AI's mixture of experts, as a symbolic graph:
// Llama's block with eight SwiGLU experts, of which a router sends each token to two. It computes the same as
// transformers' MixtralForCausalLM, under its keys.
//
// Parameters are stored expert by expert, under the names of the published files. Here, one parameter holds
// those of all experts, such as layers.N.block_sparse_moe.experts.w1.weight (E, I, C). Files of the fused
// form, with gate_up_proj and down_proj, are read too.
package mixtral
