package run

import (
	"strings"
	"testing"
)

// TestFinetuneFiles: a file whose name is just train or dev takes precedence over others; if there are
// several others, one has to be chosen.
func TestFinetuneFiles(t *testing.T) {
	for _, c := range []struct {
		names            []string
		learn, dev, want string
	}{
		{[]string{"train.tsv", "stsa.binary.train", "dev.tsv", "stsa.binary.dev", "test.tsv"}, "train.tsv", "dev.tsv", ""},
		{[]string{"msr_train.txt", "notes.md"}, "msr_train.txt", "", ""},
		{[]string{"dev.jsonl"}, "dev.jsonl", "", ""},
		{[]string{"valid.jsonl", "valid-labels.lst"}, "valid.jsonl", "", ""},
		{[]string{"train_dev.tsv"}, "train_dev.tsv", "", ""},
		{[]string{"approval_train.csv", "approval_test.csv"}, "approval_train.csv", "", ""},
		{[]string{"train.parquet", "validation.parquet", "test.parquet"}, "train.parquet", "validation.parquet", ""},
		{[]string{"train.csv", "train.jsonl"}, "", "", "--data: . has train.csv, train.jsonl; choose one with --train"},
		{[]string{"train.csv", "dev.csv", "val.csv"}, "", "", "--data: . has dev.csv, val.csv; choose one with --dev"},
		{[]string{"in_train.tsv", "in_dev.tsv", "out_dev.tsv"}, "", "", "--data: . has in_dev.tsv, out_dev.tsv; choose one with --dev"},
	} {
		t.Chdir(t.TempDir())
		for _, name := range c.names {
			write(t, name, "")
		}
		r := TunedRecipe{Data: "."}
		learn, dev, err := r.files()
		if c.want != "" {
			if err == nil || err.Error() != c.want {
				t.Errorf("%v: error %v, want %s", c.names, err, c.want)
			}
			continue
		}
		if learn != c.learn || dev != c.dev || err != nil {
			t.Errorf("%v: %q and %q, %v; want %q and %q", c.names, learn, dev, err, c.learn, c.dev)
		}
	}
}

// TestFolderForFile: a folder in place of a file, or a file in place of a folder, gives an error
// that says what is needed.
func TestFolderForFile(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "file.tsv", "")
	for want, r := range map[string]TunedRecipe{
		"--data: file.tsv: not a directory; want the folder of the task's files, or give the files with --train and --dev": {Data: "file.tsv"},
		"--train: . is a folder; want a file, or give the folder of the task's files with --data":                          {Train: "."},
		"--dev: . is a folder; want a file, or give the folder of the task's files with --data":                            {Train: "file.tsv", Dev: "."},
	} {
		if _, _, err := r.files(); err == nil || strings.ReplaceAll(err.Error(), "open ", "") != want {
			t.Errorf("%+v: error %v, want %s", r, err, want)
		}
	}
}

// TestUnseenClass: the table of another task can have the columns that this one reads, and then only its classes
// show that it is not meant.
func TestUnseenClass(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "train.tsv", "a good film\t1\na bad film\t0\n")
	write(t, "dev.tsv", "a film\t1\nno film\t0\n")
	for task, want := range map[string]string{
		"ag_news": "ag_news, classification: 2 examples to train on from train.tsv, 2 to measure on\n" +
			"warning: no example has the label Business or Sci/Tech: are these files of ag_news?\n",
		"sst2": "sst2, classification: 2 examples to train on from train.tsv, 2 to measure on\n",
	} {
		var log strings.Builder
		tuning := &Tuning{Job: newJob(&log, "finetune", tunedName, nil, nil), Recipe: TunedRecipe{Task: task, Data: "."}}
		if _, _, _, err := tuning.read(); err != nil || log.String() != want {
			t.Errorf("%s: %q, %v; want %q", task, log.String(), err, want)
		}
	}
}
