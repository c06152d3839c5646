// Package gpt3 declares GPT-3 (Brown et al. 2020, "Language Models are Few-Shot Learners") as a symbolic
// graph. It is GPT-2 with locally banded attention in every other layer.
//
// OpenAI published neither weights nor code, but the configurations of table 2.1 can be reproduced to the
// exact number of parameters. [Rows] has them as printed and as they can be built, [Sizes] as models. The
// width of the bands and the choice of banded layers were not published; they are fields of [Config].
//
// Parameters have the names of Hugging Face's GPT-2, and a model without bands is saved as a GPT-2.
package gpt3
