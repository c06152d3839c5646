// Package mixtral declares Mixtral (Jiang et al. 2024), Mistral AI's mixture of experts, as a symbolic graph: Llama's block with
// eight SwiGLU experts, of which a router sends each token to two. It computes what transformers' MixtralForCausalLM does, under its keys.
//
// Parameters are stored by the names of the published files, expert by expert; here one parameter holds all experts', as
// layers.N.block_sparse_moe.experts.w1.weight (E, I, C) does. Files of the fused form, with gate_up_proj and down_proj, are read too.
package mixtral
