// Package gpt3 declares GPT-3 (Brown et al. 2020, "Language Models are Few-Shot Learners") as a
// symbolic graph: GPT-2, of which every other layer is locally banded.
//
// OpenAI published neither weights nor code. What can be had is the configurations of table 2.1, to
// the parameter: [Rows] has them as printed and as they can be built, [Sizes] as models. The width
// of the bands and which layers have one were not published; they are fields of [Config].
//
// Parameters have the names of Hugging Face's GPT-2, and a model without bands is written as one.
package gpt3
