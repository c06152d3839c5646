// Package tasks reads the labelled texts that language models are fine-tuned and measured
// on: the files of GLUE, SNLI, RACE and the like as they are published, and tables of one's
// own. It knows no tokens and no models.
//
//	task, err := tasks.Find("rte")
//	set, err := task.Read("rte/train.csv")
//	for _, e := range set.Examples {
//		fmt.Println(e.Text, e.Pair, task.Labels[e.Label])
//	}
//
// A [Task] says what kind of examples there are, which labels, and which metrics are
// customary. An error names file and line and what was expected.
//
// Words: a classification is of one text; in entailment, the first text is the premise and
// the second the hypothesis; in similarity, their order means nothing; in multiple choice, the
// answers are texts. These are the four kinds of GPT-1 (Radford et al. 2018, §3.3).
package tasks
