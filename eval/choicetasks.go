package eval

// choiceTasks returns the multiple-choice tasks. GPT-3's paper shows its phrasing of each task in
// the figures of its appendix G, and the number of examples in its table H.1. It does
// not say which tasks have one line end between examples and which two, so here all have two.
func choiceTasks() []choiceTask {
	plainly := func(name, about, data string, p phrasing, published ...Published) choiceTask {
		return choiceTask{name: name, about: about, data: data, plain: ours(p), published: published}
	}
	// with adds the protocols of the paper and of the harness, which has our phrasing unless another is given.
	with := func(t choiceTask, gpt3 custom, shots int, other ...phrasing) choiceTask {
		t.gpt3, t.shots, t.harness = gpt3, shots, harness(t.plain.phrasing)
		for _, p := range other {
			t.harness = harness(p)
		}
		return t
	}
	activity := as("hellaswag, as lm-evaluation-harness", ReadHellaSwagHarness)
	schemas := as("winograd, partial scoring", ReadWinograd)
	none := custom{} // the paper does not have it
	const schema = "JSONL (sentence with _, option1, option2, answer)"
	const keyed = "JSONL (question, choices, answerKey)"
	arc := put("arc", "Question: {text}\nAnswer:")
	story := put("story_cloze", "{text}")
	science := put("openbookqa", "{text}")
	race := put("race", "Article: {text}\n\nQ: {pair}\n\nA:")
	return []choiceTask{
		plainly("cbt", "Children's Book Test: which of ten words is missing", "as published: 20 lines, then the question", as("cbt", ReadCBT), cbtPublished...),
		with(plainly("winograd", "Winograd schemas or WinoGrande: likelihood of what follows the pronoun", schema, schemas, winogradPublished...),
			perToken(schemas, "the same file"), 7, as("winograd, partial scoring, one space", stripped)),
		plainly("winograd-full", "Winograd schemas or WinoGrande: likelihood of the whole sentence", "the same as winograd", as("winograd, full scoring", ReadWinogradFull), winogradPublished...),
		with(plainly("winogrande", "WinoGrande: likelihood of what follows the pronoun", schema, schemas), perToken(schemas, "train"), 50, as("winograd, partial scoring, one space", stripped)),
		with(plainly("hellaswag", "HellaSwag: which of four endings", "JSONL (ctx, endings, label); for --protocol gpt3 and harness (activity_label, ctx_a, ctx_b, endings, label)",
			put("hellaswag", "{text}"), hellaswagPublished...), perToken(activity, "train"), 20, activity),
		with(plainly("hellaswag-harness", "HellaSwag with the activity first and without WikiHow's marks, as in lm-evaluation-harness",
			"JSONL (activity_label, ctx_a, ctx_b, endings, label)", activity, hellaswagHarnessPublished...), none, 0),
		with(plainly("piqa", "PIQA: which of two solutions", "JSONL (goal, sol1, sol2, label), or labels in X-labels.lst", put("piqa", "Question: {text}\nAnswer:"), piqaPublished...),
			perToken(put("piqa", "{text}"), "train"), 50),
		with(plainly("arc_easy", "ARC, easy: which of four answers", keyed, arc), relative(arc, "Answer:"), 50),
		with(plainly("arc_challenge", "ARC, challenge: which of four answers", keyed, arc), relative(arc, "Answer:"), 50),
		with(plainly("openbookqa", "OpenBookQA: which of four answers", keyed, science), relative(science, "Answer:"), 100),
		with(plainly("boolq", "BoolQ: yes or no to a question on a passage", "JSONL (passage, question, answer or label)",
			put("boolq", "{text}\nQuestion: {pair}?\nAnswer:", "no", "yes")), perToken(put("boolq", "{text}\nquestion: {pair}?\nanswer:", "no", "yes"), "train"), 32),
		with(plainly("copa", "COPA: which of two causes or effects", "JSONL (premise, question, choice1, choice2, label)", cause(false)),
			perToken(cause(false), "train"), 32, cause(true)),
		with(plainly("rte", "RTE: whether a text entails a sentence", "JSONL or CSV (premise, hypothesis, label)",
			put("rte", "{text}\nQuestion: {pair} True or False?\nAnswer:", "True", "False")),
			perToken(put("rte", "{text}\nquestion: {pair} True or False?\nanswer:", "True", "False"), "train"), 32),
		with(plainly("commonsense_qa", "CommonsenseQA: which of five answers", keyed, put("commonsense_qa", "Question: {text}\nAnswer:")),
			none, 0, letters("commonsense_qa")),
		{name: "race", about: "RACE: which of four answers to a question on a text", data: "a folder of its files",
			plain: ours(race), gpt3: relative(race, "A:"), shots: 10},
		with(plainly("story_cloze", "Story Cloze: which of two endings", "CSV as published", story), perToken(story, "dev"), 70),
		with(plainly("sst2", "SST-2: whether a review is positive", "TSV, CSV or JSONL (sentence, label), or a label and a sentence per line",
			put("sst2", "{text}\nQuestion: Is this sentence positive or negative?\nAnswer:", "negative", "positive")), none, 0),
		// Phrased after Zhao et al. (2021), Calibrate Before Use: the task is neither in the paper nor in the harness.
		plainly("ag_news", "AG News: the topic of a news article", "CSV as published, or (text, label)", put("ag_news", "Article: {text}\nAnswer:", "World", "Sports", "Business", "Technology")),
		with(plainly("choices", "any multiple choice, by likelihood", "JSONL (question or context, choices, answer)", as("choices", ReadChoices)), none, 0),
	}
}
