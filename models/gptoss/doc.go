// Package gptoss declares gpt-oss (OpenAI 2025), the mixture-of-experts GPT that OpenAI published, as a
// symbolic graph: RMS norms, rotary positions stretched by YaRN, grouped-query attention with sinks and a
// sliding window in every other layer, and experts with clamped gates, four for each token. It computes the
// same as transformers' GptOssForCausalLM, under its keys and names.
//
// Weights of experts are (E, out, in) here, as in the published files in MXFP4; a file of plain numbers has
// them transposed. The weights that OpenAI published in original/ are read too.
package gptoss
