package eval_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/gorgpt/gorgpt/eval"
)

// TestTextMetrics compares with the numbers of sacrebleu and rouge-score, which testdata/text_metrics.py records.
func TestTextMetrics(t *testing.T) {
	var cases []struct {
		Hypotheses             []string
		References             [][]string
		BLEU                   float64
		Rouge1, Rouge2, RougeL float64
	}
	data, err := os.ReadFile("testdata/text_metrics.json")
	if err == nil {
		err = json.Unmarshal(data, &cases)
	}
	if err != nil || len(cases) < 13 {
		t.Fatal(len(cases), err)
	}
	for i, c := range cases {
		near(t, fmt.Sprint(i, " bleu"), eval.BLEU(c.Hypotheses, c.References), c.BLEU, 1e-9)
		var mean eval.Rouge
		n := float64(len(c.Hypotheses))
		for k, h := range c.Hypotheses {
			r := eval.ROUGE(h, c.References[k])
			mean.One, mean.Two, mean.L = mean.One+r.One/n, mean.Two+r.Two/n, mean.L+r.L/n
		}
		near(t, fmt.Sprint(i, " rouge1"), mean.One, c.Rouge1, 1e-12)
		near(t, fmt.Sprint(i, " rouge2"), mean.Two, c.Rouge2, 1e-12)
		near(t, fmt.Sprint(i, " rougeL"), mean.L, c.RougeL, 1e-12)
	}
}

// TestLeaveOneOut compares with values computed by hand.
func TestLeaveOneOut(t *testing.T) {
	for _, c := range []struct {
		answer string
		right  []string
		f1     float64
	}{
		{"in the white house", []string{"white house"}, 0.8},
		// Without the first answer, "house" is best, with 2/3; without another one, the first is best.
		{"white house", []string{"the white house", "house", "red house"}, (2.0/3 + 1 + 1) / 3},
		{"yes", []string{"yes", "no"}, 0.5},
		{"yes", []string{"yes", "Yes."}, 1},
		{"no", []string{"yes", "maybe"}, 0},
	} {
		near(t, c.answer, eval.LeaveOneOut(c.answer, c.right), c.f1, 1e-12)
	}
}

func TestAnswerF1(t *testing.T) {
	for _, c := range []struct {
		answer string
		right  []string
		exact  bool
		f1     float64
	}{
		{"The White House.", []string{"a white house"}, true, 1},
		{"in the white house", []string{"white house"}, false, 0.8},
		{"white", []string{"black", "white house"}, false, 2.0 / 3},
		{"no", []string{"yes"}, false, 0},
		{"the", []string{"a"}, true, 1},
		{"", []string{"x"}, false, 0},
	} {
		exact, f1 := eval.AnswerF1(c.answer, c.right)
		if exact != c.exact {
			t.Errorf("%q: exact %v", c.answer, exact)
		}
		near(t, c.answer, f1, c.f1, 1e-12)
	}
}

// TestAnswers compares with the results of SQuAD's and CoQA's Python scripts, which testdata/text_metrics.py records.
func TestAnswers(t *testing.T) {
	var cases []struct {
		Answer      string
		Right       []string
		Exact       bool
		F1          float64
		LeaveOneOut float64 `json:"f1_leave_one_out"`
	}
	data, err := os.ReadFile("testdata/answers.json")
	if err == nil {
		err = json.Unmarshal(data, &cases)
	}
	if err != nil || len(cases) < 11 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		what := fmt.Sprintf("%q of %q", c.Answer, c.Right)
		exact, f1 := eval.AnswerF1(c.Answer, c.Right)
		if exact != c.Exact {
			t.Errorf("%s: exact %v", what, exact)
		}
		near(t, what+": f1", f1, c.F1, 1e-12)
		near(t, what+": leave one out", eval.LeaveOneOut(c.Answer, c.Right), c.LeaveOneOut, 1e-12)
	}
}
