package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/gorgpt/gorgpt/chart"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
)

// metricsText lists an evaluation's metrics.
func metricsText(task tasks.Task, e finetune.Evaluation) string {
	text := ""
	for _, name := range task.Metrics {
		text += fmt.Sprintf(", %s %.4f", name, e.Metrics[name])
	}
	return text
}

// maxConfused is the number of classes up to which confusions are shown: more fit neither a
// line nor a picture.
const maxConfused = 40

// report writes the predictions of the best epoch and a picture of its confusions, and prints
// its metrics and confusions.
func (j *finetuning) report(d finetune.Description, dev tasks.Set, all []finetune.Evaluation, best *finetune.Evaluation) error {
	var b strings.Builder
	b.WriteString("line\ttruth\tpredicted\n")
	for i, e := range dev.Examples {
		fmt.Fprintf(&b, "%d\t%s\t%s\n", e.Line, d.Answer(best.Truth[i]), d.Answer(best.Predicted[i]))
	}
	if err := os.WriteFile(filepath.Join(j.out, "predictions.tsv"), []byte(b.String()), 0o666); err != nil {
		return err
	}
	var confused [][]int
	if n := len(d.Labels); n > 0 && n <= maxConfused {
		var err error
		if confused, err = confusions(d, best); err != nil {
			return err
		}
		if err := chart.Confusion(d.Task, d.Labels, confused).Save(filepath.Join(j.out, "confusion.png")); err != nil {
			return err
		}
	}
	if j.asJSON {
		var epochs []map[string]any
		for _, e := range all {
			epochs = append(epochs, map[string]any{"epoch": e.Epoch, "loss": e.Loss, "metrics": e.Metrics})
		}
		return json.NewEncoder(j.stdout).Encode(map[string]any{
			"task": d.Task, "epoch": best.Epoch, "loss": best.Loss, "metrics": best.Metrics, "examples": len(dev.Examples), "run": j.out, "epochs": epochs,
		})
	}
	w := tabwriter.NewWriter(j.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "best epoch\t%d\n", best.Epoch)
	for _, name := range d.Metrics {
		fmt.Fprintf(w, "%s\t%.4f\n", name, best.Metrics[name])
	}
	if confused != nil {
		fmt.Fprintf(w, "\ntruth \\ predicted\t%s\n", strings.Join(d.Labels, "\t"))
	}
	for i, row := range confused {
		fmt.Fprint(w, d.Labels[i])
		for _, n := range row {
			fmt.Fprintf(w, "\t%d", n)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(j.stdout, j.out)
	return err
}

// confusions counts how often each class was taken for each.
func confusions(d finetune.Description, e *finetune.Evaluation) ([][]int, error) {
	var predicted, truth []int
	for i := range e.Truth {
		predicted, truth = append(predicted, int(e.Predicted[i])), append(truth, int(e.Truth[i]))
	}
	return tasks.Confusion(predicted, truth, len(d.Labels))
}
