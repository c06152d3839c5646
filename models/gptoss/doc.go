// Package gptoss declares gpt-oss (OpenAI 2025), the GPT with a mixture of experts that OpenAI published, as a symbolic graph: RMS norms, rotary
// positions stretched by YaRN, grouped-query attention with sinks in which every other layer looks back through a window, and experts whose gates are
// clamped, four for a token. It computes what transformers' GptOssForCausalLM does, under its keys and names.
//
// Weights of experts lie (E, out, in) here, as in the published files of MXFP4; a file of plain numbers has them transposed. Those that OpenAI published as
// original/ are read too.
package gptoss
