// Package tasks reads the labeled texts that language models are fine-tuned and measured
// on: the published files of GLUE, SNLI, RACE and the like, and your own tables. It does
// not deal with tokens or models.
//
//	task, err := tasks.Find("rte")
//	set, err := task.Read("rte/train.csv")
//	for _, e := range set.Examples {
//		fmt.Println(e.Text, e.Pair, task.Labels[e.Label])
//	}
//
// A [Task] gives the kind of the examples, their labels and the customary metrics. Errors
// name the file, the line and what was expected.
//
// Terms: classification is of a single text; in entailment, the first text is the premise and
// the second the hypothesis; in similarity, the order of the two does not matter; in multiple
// choice, the answers are texts. These are the four kinds of GPT-1 (Radford et al. 2018, §3.3).
package tasks
