package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/gorgpt/gorgpt/chart"
	"github.com/gorgpt/gorgpt/datasets/tasks"
	"github.com/gorgpt/gorgpt/finetune"
	"github.com/gorgpt/gorgpt/internal/wholefile"
)

// metricsText lists an evaluation's metrics.
func metricsText(task tasks.Task, e finetune.Evaluation) string {
	text := ""
	for _, name := range task.Metrics {
		text += fmt.Sprintf(", %s %.4f", metricName(name, task.Labels), e.Metrics[name])
	}
	return text
}

// metricName says of which class the F1 of two is.
func metricName(name string, labels []string) string {
	if name == "f1" {
		return "f1 of " + labels[1]
	}
	return name
}

// maxConfused is the number of classes up to which confusions are shown: more fit neither a
// line nor a picture.
const maxConfused = 40

// report writes the predictions of the best epoch and a picture of its confusions, and prints
// its metrics and confusions.
func (j *finetuning) report(d finetune.Description, dev tasks.Set, all []finetune.Evaluation, best *finetune.Evaluation) error {
	if err := wholefile.Write(filepath.Join(j.out, "predictions.tsv"), predictions(d, dev, best)); err != nil {
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
		return j.printJSON(d, len(dev.Examples), all, best)
	}
	if err := printBest(j.stdout, d, best, confused); err != nil {
		return err
	}
	_, err := fmt.Fprintln(j.stdout, j.out)
	return err
}

// predictions is the text of predictions.tsv.
func predictions(d finetune.Description, dev tasks.Set, best *finetune.Evaluation) []byte {
	var b bytes.Buffer
	b.WriteString("line\ttruth\tpredicted\n")
	for i, e := range dev.Examples {
		truth := d.Answer(best.Truth[i])
		if d.Regression {
			truth = strconv.FormatFloat(best.Truth[i], 'g', -1, 64)
		}
		fmt.Fprintf(&b, "%d\t%s\t%s\n", e.Line, truth, d.Answer(best.Predicted[i]))
	}
	return b.Bytes()
}

// printJSON prints the metrics of all epochs as an object.
func (j *finetuning) printJSON(d finetune.Description, examples int, all []finetune.Evaluation, best *finetune.Evaluation) error {
	var epochs []map[string]any
	for _, e := range all {
		epochs = append(epochs, map[string]any{"epoch": e.Epoch, "loss": e.Loss, "metrics": e.Metrics})
	}
	object := map[string]any{
		"task": d.Task, "epoch": best.Epoch, "loss": best.Loss, "metrics": best.Metrics, "examples": examples, "run": j.out, "epochs": epochs,
	}
	if len(d.Labels) > 0 {
		classes := make(map[string]tasks.ClassScore)
		for i, s := range classScores(d, best) {
			classes[d.Labels[i]] = s
		}
		object["classes"] = classes
	}
	if slices.Contains(d.Metrics, "f1") {
		object["positive"] = d.Labels[1]
	}
	return json.NewEncoder(j.stdout).Encode(object)
}

// printBest prints the metrics of the best epoch, and those of each class and its confusions
// unless these are nil.
func printBest(out io.Writer, d finetune.Description, best *finetune.Evaluation, confused [][]int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "best epoch\t%d\n", best.Epoch)
	for _, name := range d.Metrics {
		fmt.Fprintf(w, "%s\t%.4f\n", metricName(name, d.Labels), best.Metrics[name])
	}
	if confused == nil {
		return w.Flush()
	}
	fmt.Fprintf(w, "\nclass\tprecision\trecall\tf1\texamples\n")
	for i, s := range classScores(d, best) {
		fmt.Fprintf(w, "%s\t%.4f\t%.4f\t%.4f\t%d\n", d.Labels[i], s.Precision, s.Recall, s.F1, s.Examples)
	}
	fmt.Fprintf(w, "\ntruth \\ predicted\t%s\n", strings.Join(d.Labels, "\t"))
	for i, row := range confused {
		fmt.Fprint(w, d.Labels[i])
		for _, n := range row {
			fmt.Fprintf(w, "\t%d", n)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func classScores(d finetune.Description, e *finetune.Evaluation) []tasks.ClassScore {
	return tasks.ClassScores(e.Predicted, e.Truth, len(d.Labels))
}

// confusions counts how often each class was taken for each.
func confusions(d finetune.Description, e *finetune.Evaluation) ([][]int, error) {
	var predicted, truth []int
	for i := range e.Truth {
		predicted, truth = append(predicted, int(e.Predicted[i])), append(truth, int(e.Truth[i]))
	}
	return tasks.Confusion(predicted, truth, len(d.Labels))
}
