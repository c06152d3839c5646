package tasks_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/datasets/tasks"
)

// TestParquet reads files that testdata/parquet.py has written with pyarrow 26.0.1.
func TestParquet(t *testing.T) {
	for _, c := range []struct{ task, want string }{
		{"sst2", `1 "a quiet, moving film" 1; 2 "dull" 0`},
		{"stsb", `1 "a" "b" 3.8; 2 "c" "d" 5`},
		{"arc", `1 "q" ["x" "y"] 1; 2 "r" ["2" "1"] 0`},
		{"commonsense_qa", `1 "q" ["x" "y"] 1`}, // the published form of choices, with other columns, of a picture and a time
	} {
		task, err := tasks.Find(c.task)
		if err != nil {
			t.Fatal(err)
		}
		set, err := task.Read(filepath.Join("testdata", c.task+".parquet"))
		if err != nil {
			t.Errorf("%s: %v", c.task, err)
		}
		var got []string
		for _, e := range set.Examples {
			got = append(got, show(e))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %s, want %s", c.task, s, c.want)
		}
	}
	race, err := tasks.Find("race")
	if err != nil {
		t.Fatal(err)
	}
	// A null choice is an error; it is not dropped.
	if _, err := race.Read(filepath.Join("testdata", "race.parquet")); err == nil || err.Error() != filepath.Join("testdata", "race.parquet")+":1: choice 2 is empty" {
		t.Errorf("a choice that is null: %v", err)
	}
	// A null list has no choices, rather than one that is null; nested lists are left out.
	if _, err := race.Read(filepath.Join("testdata", "null.parquet")); err == nil || err.Error() != filepath.Join("testdata", "null.parquet")+":1: label \"A\" names none of 0 choices" {
		t.Errorf("choices that are null: %v", err)
	}
	// The labels are those of pandas' read_parquet(…).astype(str), except true and false.
	own := filepath.Join("testdata", "own.parquet")
	for column, want := range map[string]string{
		"class": "1 1000000 9007199254740992 9007199254740993",
		"grade": "1.0 1e+16 1e-05 2.5",
		"fine":  "false true",
	} {
		task, _, err := tasks.Columns{Text: "text", Label: column}.Read(own, tasks.Classification, nil)
		if got := strings.Join(task.Labels, " "); got != want || err != nil {
			t.Errorf("%s: labels %s, %v; want %s", column, got, err, want)
		}
	}
	if _, _, err := (tasks.Columns{Text: "txt", Label: "class"}).Read(own, tasks.Classification, nil); err == nil || err.Error() != own+":1: no column txt; the file has class, fine, grade, text" {
		t.Errorf("no such column: %v", err)
	}
}

// FuzzParquet: a damaged file is a one-line error.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"sst2", "arc"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".parquet"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := write(t, "f.parquet", string(data))
		for _, name := range []string{"sst2", "arc"} {
			task, err := tasks.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := task.Read(path); err != nil && !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%q", err)
			}
		}
	})
}

// TestParquetKinds: labels of all types of numbers and times are those of pandas, which testdata/parquet.py prints.
// (32-bit integers once lost their sign.)
func TestParquetKinds(t *testing.T) {
	file := filepath.Join("testdata", "kinds.parquet")
	for column, want := range map[string]string{
		"int8": "-1|0|127", "int32": "-1|-2147483648|1", "uint32": "0|1|4294967295", "uint64": "0|1|18446744073709551615",
		"half": "-1.5|0.25|2.0", "decimal": "-1.50|0.25|12345678.90", "date": "1969-12-31|2020-01-01|2026-11-29",
		"moment": "1969-12-31 23:59:59|2020-01-01 12:30:00.5|2026-11-29 00:00:01", "clock": "01:02:03|12:00:01|23:59:59",
	} {
		task, _, err := tasks.Columns{Text: "text", Label: column}.Read(file, tasks.Classification, nil)
		got := slices.Sorted(slices.Values(task.Labels))
		if s := strings.Join(got, "|"); s != want || err != nil {
			t.Errorf("%s: labels %s, %v; want %s", column, s, err, want)
		}
	}
}
