// Package run keeps training runs: a recipe of settings, and a directory with all that comes of it.
//
//	recipe := run.Defaults()
//	recipe.Data, recipe.Steps = "notes/*.txt", 500
//	r, err := run.Create(recipe, "runs/notes", run.Options{Log: os.Stderr})
//	defer r.Close()
//	err = r.Train(ctx)
//
// The directory has
//
//	recipe.toml     every setting
//	metrics.jsonl   a line for each step and each evaluation
//	events.out.…    the same for TensorBoard
//	loss.png        the same as a picture; of vectors that layers report, such as the loads of experts, load.png
//	samples.txt     texts of the model
//	checkpoints/    Hugging Face model directories, whose best and latest have these names
//
// [Resume] goes on with a run that was stopped, however it was, to the bit as if it never had
// been. [CreateTuned] and [ResumeTuned] do the same for fine-tuning, on a task or on prompts and
// responses. [Find] and [Summarize] look at runs, those that are going on too; [Load] and
// [Trained.Writer] use the models that came of them.
package run
