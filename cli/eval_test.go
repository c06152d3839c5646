package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/run"
	"github.com/gorgpt/gorgpt/tokenizer"
)

// evalData is the folder of package eval's fixtures.
const evalData = "../eval/testdata"

// evalModel copies the fixtures' model, with the tokenizer that it was trained with, into a
// folder.
func evalModel(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(evalData, "model"))); err != nil {
		t.Fatal(err)
	}
	if err := tokenizer.Bytes().Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEvalJSON: each kind of evaluation prints one object with its value, tokens and protocol.
func TestEvalJSON(t *testing.T) {
	dir := evalModel(t)
	for _, c := range []struct {
		args, metric string
		protocol     map[string]string
	}{
		{"--on perplexity --data text.txt --stride 40 --bos", "perplexity_per_token", map[string]string{"stride": "40", "window": "160", "tokenizer": "bytes"}},
		{"--on perplexity --data text.txt --context 64 --limit 100", "perplexity_per_token", map[string]string{"stride": "64", "limit": "100 tokens"}},
		{"--on lambada --data lambada.jsonl --limit 5", "accuracy", map[string]string{"passages": "5", "stop_words": "none", "bos": "none"}},
		{"--on lambada --data lambada.jsonl --limit 5 --bos", "accuracy", map[string]string{"bos": "end of text"}},
		{"--on hellaswag --data hellaswag.jsonl --normalize tokens", "accuracy_tokens", map[string]string{"questions": "12", "shots": "0"}},
		{"--on choices --data choices.jsonl --shots 1 --examples one.jsonl --normalize tokens", "accuracy_tokens", map[string]string{"questions": "12"}},
		{"--on rte --data tasks/rte.jsonl --shots 3 --examples tasks/rte-shots.jsonl --protocol gpt3", "accuracy_tokens", map[string]string{
			"protocol": "gpt3", "shots": "3 from ../eval/testdata/tasks/rte-shots.jsonl, seed 1337; the paper draws from train", "questions_with_fewer_shots": "8", "least_shots": "0"}},
		{"--on rte --data tasks/rte.jsonl --shots 0 --examples tasks/rte-shots.jsonl", "accuracy_sum", map[string]string{"shots": "0"}},
		{"--on arc_easy --data tasks/arc.jsonl --protocol gpt3", "accuracy_ratio", map[string]string{"ratio_to": `"Answer:"`, "shots": "0"}},
		{"--on sst2 --data tasks/sst2.jsonl --verbalizer bad --verbalizer good", "accuracy_sum", map[string]string{"verbalizers": "bad, good"}},
		{"--on cbt --data cbt.txt", "accuracy_sum", map[string]string{"questions": "5"}},
		{"--on qa --data ../../cli/testdata/qa.jsonl --tokens 24", "f1", map[string]string{"pairs": "1", "shots": "0"}},
		{"--on perplexity --data harness/pages.jsonl --documents --bos --last-window full --words split --detokenizer wikitext-harness", "perplexity_per_token",
			map[string]string{"documents": "7, each alone", "last_window": "full, reaching back", "detokenizer": "wikitext-harness"}},
		{"--on choices --data harness/choices.jsonl --shots 2 --draw first --normalize chars", "accuracy_chars",
			map[string]string{"shots": "the first 2 of the same file"}},
		{`--on qa --data ../../cli/testdata/qa.jsonl --tokens 24 --stop \n --shots 2 --draw first --examples harness/qa-shots.jsonl --separator \n\n`, "f1",
			map[string]string{"decoding": `greedy, to "\n", at most 24 tokens`, "shots": "the first 2 of ../eval/testdata/harness/qa-shots.jsonl", "separator": `"\n\n"`}},
		{"--on qa --data ../../cli/testdata/qa.jsonl --tokens 24 --beams 4", "f1",
			map[string]string{"decoding": "best of 4 beams by log-probability / ((5 + tokens)/6)^0.6, to the end of the first line that is not blank, at most 24 tokens"}},
		{"--on qa --data ../../cli/testdata/qa.jsonl --tokens 24 --beams 2 --length-penalty -1", "f1",
			map[string]string{"decoding": "best of 2 beams by log-probability / ((5 + tokens)/6)^-1, to the end of the first line that is not blank, at most 24 tokens"}},
		{"--on golden --data golden.json", "passed", map[string]string{"model": "model"}},
	} {
		args := strings.Fields(c.args)
		for i, a := range args {
			if i > 0 && (args[i-1] == "--data" || args[i-1] == "--examples") {
				args[i] = filepath.Join(evalData, a)
			}
		}
		status, stdout, stderr := gorgpt(t, t.Context(), append([]string{"eval", "--json", "--from", dir}, args...)...)
		if status != 0 {
			t.Errorf("%s: status %d: %s", c.args, status, stderr)
			continue
		}
		var got struct {
			Metric   string
			Value    *float64
			Tokens   int
			Protocol map[string]string
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%s: %v in %s", c.args, err, stdout)
		}
		if got.Metric != c.metric || got.Value == nil || got.Tokens == 0 || len(got.Protocol["data_sha256"]) != 64 {
			t.Errorf("%s: %+v", c.args, got)
		}
		for k, v := range c.protocol {
			if got.Protocol[k] != v {
				t.Errorf("%s: %s is %q, want %q", c.args, k, got.Protocol[k], v)
			}
		}
	}
}

// TestEvalShow: the prompts are printed first, verbatim; with --json they are in the object.
func TestEvalShow(t *testing.T) {
	args := []string{"eval", "--from", evalModel(t), "--on", "boolq", "--data", filepath.Join(evalData, "tasks/boolq.jsonl"), "--show", "2", "--limit", "3"}
	status, stdout, stderr := gorgpt(t, t.Context(), args...)
	line := strings.Repeat("─", 60)
	const prompt = "Tom has a bird. It lives by the café.\nQuestion: is there a bird?\nAnswer:"
	if status != 0 || !strings.HasPrefix(stdout, "prompt 1, with 0 examples\n"+line+"\n"+prompt+"\n"+line+"\n  \" no\"  -") || !strings.Contains(stdout, "\n* \" yes\"  -") ||
		strings.Count(stdout, "\nprompt ") != 1 || !strings.Contains(stdout, "\n* accuracy_sum ") {
		t.Errorf("status %d: %s\n%s", status, stderr, stdout)
	}
	status, stdout, stderr = gorgpt(t, t.Context(), append(args, "--json")...)
	var got struct {
		Shown []struct{ Prompts, Scored []string }
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || status != 0 || len(got.Shown) != 2 || got.Shown[0].Prompts[0] != prompt ||
		!slices.Equal(got.Shown[0].Scored, []string{" no", " yes"}) {
		t.Errorf("status %d: %s, %v\n%s", status, stderr, err, stdout)
	}
}

// TestEvalShowWritten: for a response, --show prints the prompt and the generated text.
func TestEvalShowWritten(t *testing.T) {
	status, stdout, stderr := gorgpt(t, t.Context(), "eval", "--from", evalModel(t), "--on", "translate", "--data", filepath.Join(evalData, "tasks/translate.jsonl"),
		"--protocol", "harness", "--language", "English", "--language", "French", "--tokens", "8", "--limit", "1", "--show", "1")
	if status != 0 || !strings.HasPrefix(stdout, "prompt 1, with 0 examples\n─") || !strings.Contains(stdout, "\nEnglish phrase: The ") ||
		!strings.Contains(stdout, "\nFrench phrase:\n─") || !strings.Contains(stdout, "\n  written: \"") || !strings.Contains(stdout, "\n  languages  ") {
		t.Errorf("status %d: %s\n%s", status, stderr, stdout)
	}
}

// TestEvalGolden: the output has lines of pass and FAIL, and the status is 1 if a known number is
// missed. No tokenizer is needed.
func TestEvalGolden(t *testing.T) {
	dir := evalModel(t)
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(evalData, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.json")
	write(t, wrong, strings.Replace(string(data), `"losses": [0.267`, `"losses": [0.268`, 1))
	status, stdout, stderr := gorgpt(t, t.Context(), "eval", "--from", dir, "--on", "golden", "--data", wrong)
	if status != 1 || !strings.HasSuffix(stderr, "gorgpt: golden: 1 of 24 checks failed\n") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if n := strings.Count(stdout, "\npass  ") + 1; n != 23 || !strings.Contains(stdout, "\nFAIL  every tensor decays, step 0: loss 0.267237, want 0.268237 ± 0.0001\n") {
		t.Errorf("%d lines pass:\n%s", n, stdout)
	}
}

// TestEvalErrors: errors that can be found only with the model.
func TestEvalErrors(t *testing.T) {
	dir := evalModel(t)
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--on lambada --data nosuch", 1, "nosuch: no such file or directory"},
		{"--on perplexity --data x --context 161", 2, "--context 161: the model has 160 positions"},
		{"--on perplexity --data x --stride 161", 2, "--stride 161: the window has 160 tokens"},
		{"--on perplexity --data x --words lines", 2, `unknown --words "lines"; want one of with-line-ends, split`},
		{"--on perplexity --data x --last-window ful", 2, `unknown --last-window "ful"; did you mean "full"?`},
		{"--on perplexity --data x.jsonl", 2, "--data x.jsonl: these are JSON lines; use --documents to measure their texts"},
		{"--on choices --data x --draw first", 2, "--draw without --shots: say how many"},
		{"--on golden", 1, "no golden numbers are known for a model of 38816 parameters, only for gpt2, gpt2-medium, openai-gpt; give others in a file"},
	} {
		status, stdout, stderr := gorgpt(t, t.Context(), append([]string{"eval", "--from", dir}, strings.Fields(c.args)...)...)
		if status != c.status || stderr != "gorgpt: "+c.want+"\n" || stdout != "" {
			t.Errorf("%s: status %d: %s%s", c.args, status, stdout, stderr)
		}
	}
}

// TestEvalSamples: the file has a line for each passage, with the numbers that make up the result; a
// file that cannot be written is an error before the work.
func TestEvalSamples(t *testing.T) {
	dir := evalModel(t)
	path := filepath.Join(t.TempDir(), "samples.jsonl")
	args := []string{"eval", "--from", dir, "--on", "lambada", "--data", filepath.Join(evalData, "lambada.jsonl"), "--limit", "5", "--json"}
	status, stdout, stderr := gorgpt(t, t.Context(), append(args, "--samples", path)...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var got struct {
		Tokens  int
		Metrics struct{ Accuracy, Perplexity float64 }
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var nll, right float64
	tokens, lines := 0, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, line := range lines {
		var s struct {
			LogLikelihoods []float64 `json:"log_likelihoods"`
			Tokens         int
			Right          bool
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil || len(s.LogLikelihoods) != 1 {
			t.Fatalf("%s: %v", line, err)
		}
		nll -= s.LogLikelihoods[0]
		tokens += s.Tokens
		if s.Right {
			right++
		}
	}
	if len(lines) != 5 || tokens != got.Tokens || right/5 != got.Metrics.Accuracy || math.Abs(math.Exp(nll/5)-got.Metrics.Perplexity) > 1e-9 {
		t.Errorf("%+v, but samples\n%s", got, data)
	}

	// A run that fails leaves the file of an earlier run, and nothing else.
	if status, _, stderr := gorgpt(t, t.Context(), "eval", "--from", dir, "--on", "lambada", "--data", "nosuch.jsonl", "--samples", path); status != 1 {
		t.Errorf("status %d: %s", status, stderr)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, data) {
		t.Errorf("%v, samples are now %q", err, again)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
	if status, _, stderr := gorgpt(t, t.Context(), "eval", "--from", dir, "--on", "golden", "--data", "x", "--samples", path); status != 2 || stderr != "gorgpt: --samples: golden writes none\n" {
		t.Errorf("status %d: %s", status, stderr)
	}

	// Files that are read are not overwritten.
	texts := filepath.Join(t.TempDir(), "lambada.jsonl")
	link := filepath.Join(t.TempDir(), "link")
	line := []byte(`{"text":"a house is a house"}` + "\n")
	if err := errors.Join(os.WriteFile(texts, line, 0o644), os.Symlink(texts, link)); err != nil {
		t.Fatal(err)
	}
	for _, over := range []string{texts, link, filepath.Join(dir, "config.json")} {
		was, err := os.ReadFile(over)
		if err != nil {
			t.Fatal(err)
		}
		status, _, stderr := gorgpt(t, t.Context(), "eval", "--from", dir, "--on", "lambada", "--data", texts, "--samples", over)
		if status != 2 || !strings.HasPrefix(stderr, "gorgpt: --samples "+over+" would overwrite what is read from ") {
			t.Errorf("status %d: %s", status, stderr)
		}
		if is, err := os.ReadFile(over); err != nil || !bytes.Equal(is, was) {
			t.Errorf("%v, %s is now %q", err, over, is)
		}
	}

	nowhere := filepath.Join(t.TempDir(), "no", "file")
	status, _, stderr = gorgpt(t, t.Context(), append(args, "--samples", nowhere)...)
	if status != 1 || stderr != "gorgpt: "+nowhere+": no such file or directory\n" {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// TestEvalGoldenWithoutTokenizer: golden works on ids, so a tokenizer that cannot be opened is not an
// error, as it is for texts.
func TestEvalGoldenWithoutTokenizer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS(evalModel(t))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tokenizer.json"), "{")
	if _, err := run.LoadWeights(dir); err != nil {
		t.Error(err)
	}
	if m, err := run.Load(dir); err == nil {
		t.Errorf("opened with %v", m.Tokenizer)
	}
}

// TestEvalChat: with --chat, prompts are rendered by the chat template, with the examples in the same message; a model without
// a template is refused.
func TestEvalChat(t *testing.T) {
	dir := evalModel(t)
	chat := func(on string, data ...string) (samples string) {
		t.Helper()
		samples = filepath.Join(t.TempDir(), "samples")
		args := append([]string{"eval", "--from", dir, "--on", on, "--samples", samples, "--shots", "1", "--draw", "first", "--separator", "|", "--examples"}, data...)
		if status, _, stderr := gorgpt(t, t.Context(), args...); status != 0 {
			t.Fatalf("%s: %s", args, stderr)
		}
		text, err := os.ReadFile(samples)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	status, _, stderr := gorgpt(t, t.Context(), "eval", "--chat", "--from", dir, "--on", "piqa", "--data", write("x.jsonl", `{"goal":"a","sol1":"b","sol2":"c","label":0}`))
	if status == 0 || !strings.Contains(stderr, "has no chat template") {
		t.Errorf("without a template: status %d, %s", status, stderr)
	}
	write("chat_template.jinja", "{% for m in messages %}U:{{ m.content }}{% endfor %}{% if add_generation_prompt %}{{ '\\nA:\\n' }}{% else %}.{% endif %}")
	example := write("example.jsonl", `{"goal":"One","sol1":"b","sol2":"c","label":0}`)
	question := write("question.jsonl", `{"goal":"Two","sol1":"e","sol2":"f","label":0}`)
	plain := write("plain.jsonl", `{"question":"U:Question: One\nAnswer:","choices":["b","c"],"answer":0}`)
	put := write("put.jsonl", `{"question":"Question: Two\nAnswer:\nA:\n","choices":["e","f"],"answer":0}`)
	got, want := chat("piqa", example, "--data", question, "--chat"), chat("choices", plain, "--data", put)
	if got != want || !strings.Contains(got, "log_likelihoods") {
		t.Errorf("%s, want %s", got, want)
	}
	example, question = write("example.jsonl", `{"prompt":"One","response":"b"}`), write("question.jsonl", `{"prompt":"Two","response":"e"}`)
	plain, put = write("plain.jsonl", `{"prompt":"U:One","response":"b"}`), write("put.jsonl", `{"prompt":"Two\nA:\n","response":"e"}`)
	got, want = chat("qa", example, "--data", question, "--chat", "--tokens", "8"), chat("qa", plain, "--data", put, "--tokens", "8")
	if got != want || !strings.Contains(got, "text") {
		t.Errorf("%s, want %s", got, want)
	}
}
