package eval

// Figures reported by others, for comparison with a measurement. Each was checked again in November 2026:
//
//   - "GPT-2 paper" is Radford et al. 2019, Language Models are Unsupervised Multitask Learners:
//     Table 3 for language modeling, Table 4 for summaries (ROUGE-L of the row "GPT-2 TL;DR:"),
//     §3.4, §3.5 and §3.7 for the rest. It scales perplexities to the tokens of the original
//     text and undoes its tokenization; its detokenizers and its LAMBADA filter were not
//     published, and its LAMBADA accuracy counts the last token (lm-evaluation-harness #356).
//   - huggingface/transformers issue 13761 measures the released 117M weights twice, per token
//     and with lm-evaluation-harness, and LAMBADA by the last token.
//   - EleutherAI/lm-evaluation-harness issues 2159 (gpt2) and 911 (gpt2-xl) quote lambada_openai.
//   - The head of karpathy/llm.c's dev/data/hellaswag.py gives its own scores of HellaSwag, by sum
//     and by mean over tokens, and those of lm-evaluation-harness, acc and acc_norm.
//   - SmolLM2's model cards (HuggingFaceTB on Hugging Face) give the figures of lighteval with the tasks of
//     huggingface/smollm, text/evaluation: zero-shot; for PIQA, with the harness's phrasing and the mean over
//     characters. Instruct models are measured with --use_chat_template.

var perplexityPublished = []Published{
	{"gpt2", "perplexity_per_word", 29.41, "GPT-2 paper, Table 3 (117M), WikiText-2, detokenised"},
	{"gpt2-xl", "perplexity_per_word", 18.34, "GPT-2 paper, Table 3 (1542M), WikiText-2, detokenised"},
	{"gpt2", "perplexity_per_word", 37.50, "GPT-2 paper, Table 3 (117M), WikiText-103, detokenised"},
	{"gpt2-xl", "perplexity_per_word", 17.48, "GPT-2 paper, Table 3 (1542M), WikiText-103, detokenised"},
	{"gpt2", "perplexity_per_word", 65.85, "GPT-2 paper, Table 3 (117M), Penn Treebank, detokenised"},
	{"gpt2-xl", "perplexity_per_word", 35.76, "GPT-2 paper, Table 3 (1542M), Penn Treebank, detokenised"},
	{"gpt2", "perplexity_per_token", 29.94, "transformers #13761: WikiText-2 raw, window and stride 1024"},
	{"gpt2", "perplexity_per_word", 37.37, "transformers #13761: WikiText-2, lm-evaluation-harness"},
}

var lambadaPublished = []Published{
	{"gpt2", "accuracy_last_token", 0.4599, "GPT-2 paper, Table 3 (117M)"},
	{"gpt2", "perplexity", 35.13, "GPT-2 paper, Table 3 (117M)"},
	{"gpt2", "accuracy_last_token", 0.4667, "transformers #13761"},
	{"gpt2", "accuracy", 0.3256, "lm-evaluation-harness #2159, lambada_openai: last word, no filter"},
	{"gpt2", "perplexity", 40.06, "lm-evaluation-harness #2159, lambada_openai"},
	{"gpt2-xl", "accuracy_last_token", 0.6324, "GPT-2 paper, Table 3 (1542M), with a stop-word filter"},
	{"gpt2-xl", "perplexity", 8.63, "GPT-2 paper, Table 3 (1542M)"},
	{"gpt2-xl", "perplexity", 10.63, "lm-evaluation-harness #911, lambada_openai"},
}

var cbtPublished = []Published{
	{"gpt2", "accuracy_sum", 0.8765, "GPT-2 paper, Table 3 (117M), common nouns, detokenised"},
	{"gpt2", "accuracy_sum", 0.834, "GPT-2 paper, Table 3 (117M), named entities, detokenised"},
	{"gpt2", "accuracy_sum", 0.8435, "transformers #13761, common nouns"},
	{"gpt2", "accuracy_sum", 0.7365, "transformers #13761, named entities"},
	{"gpt2-xl", "accuracy_sum", 0.9330, "GPT-2 paper, Table 3 (1542M), common nouns, detokenised"},
	{"gpt2-xl", "accuracy_sum", 0.8905, "GPT-2 paper, Table 3 (1542M), named entities, detokenised"},
}

var piqaPublished = []Published{
	{"smollm2-135m", "accuracy_chars", 0.684, "its model card, lighteval"},
	{"smollm2-135m-instruct", "accuracy_chars", 0.663, "its model card, lighteval, by its chat template: --chat"},
}

var winogradPublished = []Published{
	{"gpt2-xl", "accuracy_sum", 0.7070, "GPT-2 paper, §3.4 (1542M), Winograd schemas"},
}

var hellaswagPublished = []Published{
	{"gpt2", "accuracy_sum", 0.2859, "llm.c, dev/data/hellaswag.py"},
	{"gpt2", "accuracy_tokens", 0.2955, "llm.c, dev/data/hellaswag.py"},
	{"gpt2-xl", "accuracy_sum", 0.3842, "llm.c, dev/data/hellaswag.py"},
	{"gpt2-xl", "accuracy_tokens", 0.4893, "llm.c, dev/data/hellaswag.py"},
}

var hellaswagHarnessPublished = []Published{
	{"gpt2", "accuracy_sum", 0.2892, "lm-evaluation-harness, acc, as llm.c quotes it"},
	{"gpt2", "accuracy_chars", 0.3114, "lm-evaluation-harness, acc_norm, as llm.c quotes it"},
	{"gpt2-xl", "accuracy_sum", 0.4004, "lm-evaluation-harness, acc, as llm.c quotes it"},
	{"gpt2-xl", "accuracy_chars", 0.5089, "lm-evaluation-harness, acc_norm, as llm.c quotes it"},
}

var (
	qaPublished        = Published{"gpt2-xl", "f1_leave_one_out", 0.55, "GPT-2 paper, §3.5 (1542M), CoQA development set"}
	summarizePublished = Published{"gpt2-xl", "rougeL", 0.2658, "GPT-2 paper, Table 4 (1542M), CNN and Daily Mail, three sentences of a sample with k = 2"}
	frenchPublished    = Published{"gpt2-xl", "bleu", 5, "GPT-2 paper, §3.7 (1542M), WMT-14 English to French"}
	englishPublished   = Published{"gpt2-xl", "bleu", 11.5, "GPT-2 paper, §3.7 (1542M), WMT-14 French to English"}
)
