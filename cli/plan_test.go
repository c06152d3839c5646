package cli

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/plan"
)

// TestPlan: plan handles the largest model, as text and as JSON, and the model of a checkpoint.
func TestPlan(t *testing.T) {
	status, out, stderr := gorgpt(t, t.Context(), "plan", "--model", "gpt3-175b", "--tokens", "300B", "--ranks", "8")
	if status != 0 || !strings.Contains(out, "174,604,259,328") || !strings.Contains(out, "on this machine") || !strings.Contains(out, "on A100") {
		t.Errorf("status %d\n%s%s", status, out, stderr)
	}
	status, out, stderr = gorgpt(t, t.Context(), strings.Fields("plan --model gpt2 --set n_layer=6 --batch 4 --context 64 --tokens 2.5B --solver lion --recompute --gpu h100 --json")...)
	if _, of, _ := gorgpt(t, t.Context(), "plan", "--model", "gpt2-xl", "--ranks", "64", "--network", "25Gb"); !strings.Contains(of, "64 micro-batches an update, 1 a rank, 64 ranks") || !strings.Contains(of, "on 64 ranks connected by 25 Gb/s and 50 µs a message, which compute for ") {
		t.Error(of)
	}
	var p plan.Plan
	if err := json.Unmarshal([]byte(out), &p); err != nil || status != 0 {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, stderr)
	}
	if p.Model != "gpt2 n_layer=6" || p.Run.Tokens != 2.5e9 || p.Memory.Moments != p.Memory.Weights || !p.Recompute || p.GPU.Name != "H100" || p.Machine.Rate <= 0 || p.Precision != "f32" {
		t.Errorf("%+v", p)
	}
	var keys map[string]map[string]any
	_ = json.Unmarshal([]byte(out), &keys) // fails for values that are not maps
	for of, all := range map[string]string{
		"parameters":      "total active without_embeddings parts",
		"flops_per_token": "forward training training_recomputed six_n training_by_part",
		"memory": "weights_bytes gradients_bytes moments_bytes sums_bytes results_bytes text_bytes process_bytes peak_bytes results_kept_bytes " +
			"results_recomputed_bytes peak_kept_bytes peak_recomputed_bytes sequence_bytes limit_bytes",
		"wire":    "bytes_per_update bytes_per_update_of_all_ranks broadcast_bytes",
		"run":     "tokens tokens_per_update updates flops petaflop_days tokens_per_parameter",
		"machine": "name flops_per_s share days days_of_ranks step",
		"gpu":     "name flops_per_s source share days days_of_ranks step",
		"laws":    "chinchilla kaplan gpt3",
	} {
		docs, err := os.ReadFile("../docs/planning.md")
		if err != nil {
			t.Fatal(err)
		}
		for key := range strings.FieldsSeq(all) {
			if _, has := keys[of][key]; !has {
				t.Errorf("%s has no %s", of, key)
			}
			if !strings.Contains(string(docs), "`"+key+"`") {
				t.Errorf("docs/planning.md does not tell of %s", key)
			}
		}
		if n := len(strings.Fields(all)); len(keys[of]) != n {
			t.Errorf("%s has %d keys, want %d", of, len(keys[of]), n)
		}
	}
}

// TestPlanRefused: what cannot be planned is an error of one line, with status 2.
func TestPlanRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, want := range map[string]string{
		"--model gpt3-175":         `unknown model "gpt3-175"; did you mean "gpt3-175b"?`,
		"--gpu H10":                `unknown GPU "H10"; did you mean "H100"?`,
		"--solver adam":            `unknown solver "adam"; did you mean "adamw"?`,
		"--precision bf16":         "--precision bf16: want f32",
		"--tokens 99999999T":       "--tokens: 99999999T: too many; want less than 9.2e18",
		"--tokens 3G":              `--tokens: "3G" is not a count: want one such as 300000, 300k, 2.5M, 300B or 1T`,
		"--tokens 0":               "--tokens 0: want 1 or more",
		"--batch 0":                "--batch 0: want 1 or more",
		"--ranks 0":                "--ranks 0: want 1 or more",
		"--accumulate 0":           "--accumulate 0: want 1 or more",
		"--network 25":             "--network 25: want a rate such as 25Gb (bits a second) or 3GB (bytes)",
		"--network 25Gb":           "--network without --ranks: say how many processes it connects",
		"--ranks 3 --accumulate 2": "--batch 1 and --accumulate 2: 3 ranks cannot share an update of 2 sequences evenly",
		"--context 0":              "--context 0: want 1 or more",
		"--context 2000":           "--context 2000: gpt2 has 1024 positions",
		"--batch 9999999999":       "--batch 9999999999: with a context of 1024, want at most 1048576 sequences",
		"--share 0":                "--share 0: want a share from 1e-06 to 1",
		"--share 1.5":              "--share 1.5: want a share from 1e-06 to 1",
		"--share 1e-310 --json":    "--share 1e-310: want a share from 1e-06 to 1", // a time would not be a finite number
		"--share NaN":              "--share NaN: want a finite number; see gorgpt plan -h",
		"--set n_layr=3":           `--set: unknown key "n_layr"; did you mean "n_layer"?`,
		"--from none --model gpt2": "--model has no meaning with --from, whose checkpoint has it",
		"--model gpt3-175b --set n_positions=16777216": "--batch 1 and --context 16777216: a step takes 4e+21 FLOPs; at most 9e+18 can be counted",
		"--gpu=": "--gpu is empty; see gorgpt plan -h",
		"gpt2":   `want gorgpt plan [flags], got the argument "gpt2"; as in: gorgpt plan --model gpt2 --batch 4 --context 1024 --tokens 10B`,
	} {
		status, out, stderr := gorgpt(t, t.Context(), append([]string{"plan"}, strings.Fields(args)...)...)
		if status != 2 || out != "" || !strings.Contains(stderr, want) || strings.Count(strings.TrimSpace(stderr), "\n") > 0 {
			t.Errorf("plan %s: status %d\n%s%s\nwant %s", args, status, out, stderr, want)
		}
	}
	if status, _, stderr := gorgpt(t, t.Context(), "plan", "--from", "none"); status != 1 || !strings.Contains(stderr, "none") {
		t.Errorf("status %d\n%s", status, stderr)
	}
}
