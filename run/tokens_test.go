package run

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// climbing returns the recipe of a small run of 2,300 tokens. Its updates grow from 64 tokens to 256, and its
// learning rate is highest after 480 tokens and lowest from 1,792 on.
func climbing(t *testing.T) Recipe {
	t.Helper()
	t.Chdir(t.TempDir())
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "%d is %d more than %d\n", i*i, i, i*i-i)
	}
	write(t, "text.txt", text.String())
	r := Defaults()
	r.Data, r.Layers, r.Heads, r.Width, r.Context, r.Batch, r.Accumulate = "text.txt", 1, 1, 8, 8, 4, 8
	r.Dropout, r.EvalEvery, r.EvalBatches = 0.1, 5, 1
	r.LearnRate, r.Floor, r.Schedule = 1e-3, 0.1, "cosine"
	r.Tokens, r.WarmupTokens, r.DecayTokens, r.BatchRamp = "2.3k", "480", "1792", "64:1920"
	return r
}

// line is a line of metrics.jsonl, without times.
type line struct {
	Step   int
	Tokens int64
	Loss   float64
	LR     float64
}

// trained runs a run to its end, or to a step, and returns the lines of its metrics.
func trained(t *testing.T, r *Run, err error) []line {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Train(t.Context()), r.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(r.Dir.MetricsPath())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []line
	for s := bufio.NewScanner(f); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		if l.Tokens > 0 {
			all = append(all, l)
		}
	}
	return all
}

// TestTokens: the updates and rates of a run measured in tokens match those computed by hand, its progress is
// reported in tokens, and if it is stopped during the ramp it resumes bit for bit.
func TestTokens(t *testing.T) {
	recipe := climbing(t)
	var log strings.Builder
	r, err := Create(recipe, "whole", Options{Log: &log})
	want := trained(t, r, err)
	tokens := []int64{64, 128, 192, 288, 384, 480, 608, 736, 864, 1024, 1184, 1376, 1568, 1792, 2048, 2304}
	if len(want) != len(tokens) {
		t.Fatalf("%d updates, want %d", len(want), len(tokens))
	}
	for i, l := range want {
		rate := 1e-4 // from 1,792 tokens on
		switch at := float64(tokens[i]); {
		case at <= 480:
			rate = 1e-3 * at / 480
		case at < 1792:
			rate = 1e-4 + 9e-4*(1+math.Cos(math.Pi*(at-480)/1312))/2
		}
		if l.Tokens != tokens[i] || math.Abs(l.LR-rate) > 1e-12 {
			t.Errorf("update %d: %d tokens at %v, want %d at %v", i+1, l.Tokens, l.LR, tokens[i], rate)
		}
	}
	if !strings.Contains(log.String(), "step 16/16, 2304 of 2300 tokens: loss ") {
		t.Errorf("the log has no tokens:\n%s", &log)
	}
	r, err = Create(recipe, "stopped", Options{StopAfter: 7})
	trained(t, r, err)
	was, err := Dir("stopped").Recipe()
	if err != nil || was.Tokens != "2.3k" || was.Steps != 16 {
		t.Fatalf("%v, %+v", err, was)
	}
	r, err = Resume("stopped", was, Options{})
	if got := trained(t, r, err); !slices.Equal(got, want) {
		t.Errorf("stopped and resumed:\n%v\nwant\n%v", got, want)
	}
	// More tokens make the run longer.
	was.Tokens = "3k"
	r, err = Resume("stopped", was, Options{})
	if got := trained(t, r, err); len(got) != 19 || got[18].Tokens != 3072 {
		t.Errorf("with more tokens: %v", got)
	}
}

// TestTokenSettings: invalid settings that are given in tokens are reported in one line.
func TestTokenSettings(t *testing.T) {
	recipe := climbing(t)
	for want, change := range map[string]func(r *Recipe){
		`--tokens: "2.3x" is not a count: want one such as 300000, 300k, 2.5M, 300B or 1T`: func(r *Recipe) { r.Tokens = "2.3x" },
		"--tokens: 10000000T: too many; want less than 9.2e18":                             func(r *Recipe) { r.Tokens = "10000000T" },
		"--tokens 9e18: want 1 to 4.6e18":                                                  func(r *Recipe) { r.Tokens = "9e18" },
		"--tokens 0: want 1 to 4.6e18":                                                     func(r *Recipe) { r.Tokens = "0" },
		"--warmup-tokens: 99999999999T: too many; want less than 9.2e18":                   func(r *Recipe) { r.WarmupTokens = "99999999999T" },
		"the learning rate reaches its lowest value at token 1792, before the warm-up of 375000000 ends": func(r *Recipe) {
			r.WarmupTokens = "375M"
		},
		"--batch-ramp 32k: want the tokens of the first updates and those over which they grow, as in 32k:4B": func(r *Recipe) { r.BatchRamp = "32k" },
		`--batch-ramp 32k:4G: "4G" is not a count: want one such as 300000, 300k, 2.5M, 300B or 1T`:           func(r *Recipe) { r.BatchRamp = "32k:4G" },
		"--batch-ramp 64:4B: with --accumulate 1 all updates are one batch, which cannot grow": func(r *Recipe) {
			r.BatchRamp, r.Accumulate = "64:4B", 1
		},
		"--batch-ramp 0:4B: want 1 token or more for both":                                                   func(r *Recipe) { r.BatchRamp = "0:4B" },
		"--batch-ramp 15:4B: want first updates of 32 tokens (--batch × --context) to 256 (× --accumulate)":  func(r *Recipe) { r.BatchRamp = "15:4B" },
		"--batch-ramp 257:4B: want first updates of 32 tokens (--batch × --context) to 256 (× --accumulate)": func(r *Recipe) { r.BatchRamp = "257:4B" },
		"--batch 4, --context 8 and --accumulate 9223372036854775807 are 2.95e+20 tokens in an update: too many": func(r *Recipe) {
			r.Accumulate = math.MaxInt
		},
	} {
		r := recipe
		change(&r)
		if _, err := Create(r, "none", Options{}); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := os.Stat("none"); err == nil {
		t.Error("a directory was made")
	}
	r := Defaults()
	r.Tokens, r.WarmupTokens, r.Schedule = "1M", "1k", "constant"
	for name, want := range map[string]string{
		"steps": "--tokens", "warmup": "--warmup-tokens", "decay-tokens": "--schedule constant",
	} {
		err := r.CheckGiven(func(given string) bool { return given == name })
		if err == nil || !strings.HasPrefix(err.Error(), "--"+name+" ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a word of %s", name, err, want)
		}
	}
}

// TestTokenDefaults: without a token budget, the rate is lowest at the end of the steps; without warmup
// tokens, the warmup is that of the updates.
func TestTokenDefaults(t *testing.T) {
	r := climbing(t)
	r.Tokens, r.DecayTokens, r.WarmupTokens, r.Steps, r.Warmup = "", "", "", 16, 9
	s, err := r.MakeTokenSchedule()
	if err != nil {
		t.Fatal(err)
	}
	// The warmup is a tenth of the 16 updates: one update, of 64 tokens.
	for tokens, want := range map[int64]float64{32: 5e-4, 64: 1e-3, 1184: 5.5e-4, 2304: 1e-4} {
		if got := s(tokens); math.Abs(got-want) > 1e-12 {
			t.Errorf("after %d tokens %v, want %v", tokens, got, want)
		}
	}
	r.BatchRamp = ""
	if s, err := r.MakeTokenSchedule(); s != nil || err != nil {
		t.Errorf("a recipe in updates has a schedule in tokens, %v", err)
	}
}

// TestOlderRuns: a run that was saved before these settings existed still has the same recipe.
func TestOlderRuns(t *testing.T) {
	r := Defaults()
	r.Sum = fast // as the recipes of older runs are read: see ReadRun
	text := r.fixed()
	for _, line := range append(newer, "set = []") {
		name, _, _ := strings.Cut(line, " ")
		if strings.Contains(text, "\n"+name+" = ") {
			t.Errorf("%s is in what is saved, though it says nothing:\n%s", name, text)
		}
	}
	r = Defaults()
	r.WarmupTokens, r.Set = "375M", []string{"a=b"}
	if text := r.fixed(); !strings.Contains(text, `warmup_tokens = "375M"`) || !strings.Contains(text, "set = ") {
		t.Errorf("what is set is not in it:\n%s", text)
	}
}

// TestImpossibleTokens: an invalid recipe made in Go is an error before its updates are counted.
func TestImpossibleTokens(t *testing.T) {
	r := Defaults()
	r.Batch, r.Tokens = 0, "1M"
	if _, err := Create(r, t.TempDir(), Options{}); err == nil || err.Error() != "--batch 0: want 1 or more" {
		t.Error(err)
	}
}
