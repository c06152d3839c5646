package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gorgpt runs a command line.
func gorgpt(t *testing.T, ctx context.Context, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = execute(ctx, args, &out, &err)
	return status, out.String(), err.String()
}

// write writes a file.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestBadInput: bad input gives one clear line on standard error, status 2 for wrong usage and 1
// otherwise, and nothing is left behind.
func TestBadInput(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "empty.txt", "")
	write(t, "short.txt", "short")
	write(t, "bad.txt", strings.Repeat("abc\xff", 300))
	write(t, "ok.txt", strings.Repeat("to be or not to be\n", 100))
	write(t, "binary", strings.Repeat("\x00", 300))
	write(t, "unknown.toml", "model = \"gpt2-nano\"\nstep = 3\n")
	write(t, "type.toml", "steps = \"x\"\n")
	write(t, "syntax.toml", "steps = \n")
	for _, d := range []string{"none", "full", "run/checkpoints/best", "emptied", "odd", "folder/metrics.jsonl"} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, "full/file", "")
	write(t, "emptied/recipe.toml", "")
	write(t, "odd/metrics.jsonl", "hello\n")
	before := list(t)
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"trian", 2, `unknown command "trian"; did you mean "train"?`},
		{"train a b", 2, "want gorgpt train [RECIPE.toml] [flags], got 2 arguments; as in: gorgpt train"},
		{"train --modell x", 2, `unknown flag "--modell"; did you mean "--model"?`},
		{"train --steps x", 2, "--steps x: want a whole number; see gorgpt train -h"},
		{"train --model gpt2-nao", 2, `unknown model "gpt2-nao"; did you mean "gpt2-nano"?`},
		{"train --tokenizer char", 2, `unknown tokenizer "char"; did you mean "chars"?`},
		{"train --tokenizer bpe:100", 2, `--tokenizer bpe:100: want a number of tokens from 257, as in bpe:4096: the 256 bytes, the end of text, and those to be learned`},
		{"train --tokenizer bpe:x", 2, `--tokenizer bpe:x: want a number of tokens from 257, as in bpe:4096: the 256 bytes, the end of text, and those to be learned`},
		{"train --tokenizer gpt1:nowhere", 2, `--tokenizer gpt1:nowhere: no such file or directory`},
		{"train --tokenizer ./nowhere", 2, `--tokenizer ./nowhere: no such file or folder`},
		{"train --data ok.txt --tokenizer none", 1, `--tokenizer none: none/tokenizer.json: no such file or directory`},
		{"train --schedule cosin --data ok.txt", 2, `unknown schedule "cosin"; did you mean "cosine"?`},
		{"train --windows random", 2, `unknown kind of windows "random"; want one of anywhere, apart, packed`},
		{"train --mix x", 2, `--mix "x": want a weight above 0 and the text, as in "0.3 notes/*.txt"`},
		{"train --solver lyon", 2, `unknown solver "lyon"; did you mean "lion"?`},
		{"train --keep 0", 2, "--keep 0: want 1 or more"},
		{"runs", 2, "want gorgpt runs DIR… [flags], got 0 arguments; as in: gorgpt runs runs"},
		{"runs nothing", 1, "nothing: no such folder"},
		{"runs full", 1, "full: no run in it: want a folder with metrics.jsonl, or a folder of such folders"},
		{"train --steps 99999999999999999999", 2, "--steps 99999999999999999999: want a whole number; see gorgpt train -h"},
		{"train --seed -1", 2, "--seed -1: want a whole number from 0; see gorgpt train -h"},
		{"train --seed 9223372036854775808", 2, "--seed 9223372036854775808: want at most 9223372036854775807, the largest integer of TOML"},
		{"train --lr fast", 2, "--lr fast: want a number; see gorgpt train -h"},
		{"train --data ok.txt --layers 100000000", 2, "gpt2: the number of layers is 100000000, want at most 1000"},
		{"train --data ok.txt --width 1000000000", 2, "gpt2: the width is 1000000000, want at most 16777216"},
		{"train --data missing.txt --out full", 1, "full exists and is not empty; choose another --out"},
		{"generate --from run", 1, "run: no config.json in it: not a checkpoint; did you mean run/checkpoints/best?"},
		{"pack --out packed --validation NaN ok.txt", 2, "--validation NaN: want a finite number; see gorgpt pack -h"},
		{"finetune --from none --task rte --data none --epochs 0", 2, "--epochs 0: want 1 or more"},
		{"finetune --from none --task rte --data none --batch 0", 2, "--batch 0: want 1 or more"},
		{"finetune --from none --task rte --data none --micro 0", 2, "--micro 0: want 1 or more"},
		{"finetune --from none --task rte --data none --lr NaN", 2, "--lr NaN: want a finite number; see gorgpt finetune -h"},
		{"finetune --from none --task rte --data none --warmup NaN", 2, "--warmup NaN: want a finite number; see gorgpt finetune -h"},
		{"finetune --from none --task rte --data none --clip -1", 2, "--clip -1: want 0 or more"},
		{"bench --batch 1000000000000", 2, "--batch 1000000000000: with a context of 64, want at most 16777216 sequences"},
		{"graph --batch 1000000000000", 2, "--batch 1000000000000: with a context of 64, want at most 16777216 sequences"},
		{"train --data ok.txt --no-decay wet.*", 2, "--no-decay wet.*: no parameter matches; see gorgpt graph"},
		{"train -x 3", 2, `unknown flag "-x": flags are whole words, as in --from; see gorgpt train -h`},
		{"generate -p hi", 2, `unknown flag "-p": flags are whole words, as in --prompt; see gorgpt generate -h`},
		{"chat --from none", 2, `unknown command "chat"; did you mean "generate"?`},
		{"trian --data ok.txt", 2, `unknown command "trian"; did you mean "train"?`},
		{"--form none", 2, `unknown flag "--form"; want one of --help, --version`},
		{"help trian", 2, `unknown command "trian"; did you mean "train"?`},
		{"generate --from none --bench --beams 2", 2, "--beams has no meaning with --bench, which measures sampling and prints no text; for JSON, use gorgpt bench --decode --json"},
		{"finetune --from none --task rte --data none --out full", 1, "full exists and is not empty; choose another --out"},
		{"train --context 0", 2, "--context 0: want 1 or more"},
		{"train --batch -1", 2, "--batch -1: want 1 or more"},
		{"train --steps 0", 2, "--steps 0: want 1 or more"},
		{"train --lr 0", 2, "--lr 0: want a rate above 0 and at most 1"},
		{"train --lr NaN", 2, "--lr NaN: want a finite number; see gorgpt train -h"},
		{"train --validation 1", 2, "--validation 1: want a share between 0 and 1"},
		{"train --stop-after -1", 2, "--stop-after -1: want 0 or more"},
		{"train --width 130 --data ok.txt", 2, "gpt2: width 130 is not a multiple of 4 heads"},
		{"train --dropout 1 --data ok.txt", 2, "--dropout 1: want a number in [0, 1)"},
		{"train --resume full --out x", 2, "--resume uses the run's own recipe and directory; leave out RECIPE and --out"},
		{"train unknown.toml", 2, `unknown.toml:2: unknown key "step"; did you mean "steps"?`},
		{"models x", 2, `want gorgpt models [flags], got the argument "x"`},
		{"convert x", 2, `want gorgpt convert IN OUT [flags], got the argument "x"; as in: gorgpt convert models/124M gpt2`},
		{"train type.toml", 2, `type.toml:1: steps: want an integer, got "x"`},
		{"train syntax.toml", 2, "syntax.toml:1: expected value but found '\\n' instead"},
		{"train none.toml", 1, "none.toml: no such file or directory"},
		{"train --data ok.txt short.txt", 2, "short.txt is not a recipe (RECIPE.toml): name the text with --data, and quote patterns, as in --data 'notes/*.txt'"},
		{"train --data empty.txt", 1, "empty.txt: the file is empty"},
		{"train --data short.txt", 1, "training text: short.txt (training part): 5 tokens (bytes), want at least 129: a context of 128 and the token after it"},
		{"train --data bad.txt --tokenizer chars", 1, "bad.txt: offset 3: byte 0xff is not valid UTF-8"},
		{"train --data nosuch.txt", 1, "nosuch.txt: no such file or folder"},
		{"train --data none", 1, "none: no text in this folder: it is empty"},
		{"train --data *.nothing", 1, "*.nothing: no file matches"},
		{"train --data ok.txt --out emptied", 1, "emptied exists and is not empty; choose another --out, or continue it with --resume emptied"},
		{"train --data ok.txt --out full", 1, "full exists and is not empty; choose another --out"},
		{"train --data ok.txt --out ok.txt/run", 1, "--out: ok.txt: not a directory"},
		{"train --resume none", 1, "--resume: none: no recipe.toml in it: not a run directory"},
		{"train --resume emptied", 1, "--resume: emptied/recipe.toml: model is missing: not the recipe of a run, which has every setting"},
		{"runs odd", 1, `odd/metrics.jsonl: line 1: "hello" is not a JSON object of metrics`},
		{"train --resume nosuch", 1, "--resume: nosuch: no such folder"},
		{"generate", 2, "--from is missing: the checkpoint to generate with"},
		{"generate --from none --temperature -1", 2, "--temperature -1: want 0 or more"},
		{"generate --from none --top-p 2", 2, "--top-p 2: want a share from 0 to 1"},
		{"generate --from none --stop=", 2, "--stop is empty; see gorgpt generate -h"},
		{"runs folder", 1, "folder/metrics.jsonl: is a directory"},
		{"generate --from none --tokens 0", 2, "--tokens 0: want 1 or more"},
		{"generate --from none", 1, "none: no config.json in it: not a checkpoint"},
		{"generate --from nosuch", 1, "nosuch: no such file or folder"},
		{"eval --from none", 2, "--on is missing: what to measure; see gorgpt eval -h"},
		{"eval --from none --on lambda", 2, `unknown evaluation "lambda"; did you mean "lambada"?`},
		{"eval --on lambada", 2, "--from is missing: the checkpoint to measure"},
		{"eval --on lambada --from none", 2, "--data is missing: lambada reads JSONL (text), or one passage per line"},
		{"eval --on lambada --from none --data x --stride 3", 2, "--stride has no meaning for lambada"},
		{"eval --on perplexity --from none --data x --detokenizer wiki", 2, `unknown detokenizer "wiki"; want one of none, wikitext, wikitext-harness, ptb`},
		{"eval --on choices --from none --data x --normalize token", 2, `unknown --normalize "token"; did you mean "tokens"?`},
		{"eval --on choices --from none --data x --shots -1", 2, "--shots -1: want 0 or more, or paper"},
		{"eval --on choices --from none --data x --shots many", 2, "--shots many: want 0 or more, or paper"},
		{"eval --on sst2 --from none --data x --shots paper", 2, "--shots paper: GPT-3's paper does not have sst2"},
		{"eval --on sst2 --from none --data x --protocol gpt3", 2, "--protocol gpt3: sst2 supports plain, harness"},
		{"eval --on piqa --from none --data x --protocol gpt4", 2, `unknown protocol "gpt4"; did you mean "gpt3"?`},
		{"eval --on piqa --from none --data x --verbalizer yes", 2, "--verbalizer has no meaning for piqa"},
		{"eval --on qa --from none --data x --language English", 2, "--language has no meaning for qa"},
		{"eval --on perplexity --from none --data x --show 2", 2, "--show has no meaning for perplexity"},
		{"eval --on perplexity --from none --data x --chat", 2, "--chat has no meaning for perplexity"},
		{"eval --on piqa --from none --data x --chat --bos", 2, "--chat cannot be combined with --bos or --normalize ratio: the chat template determines how a prompt begins, and a choice alone is a reply to nothing"},
		{"eval --on piqa --from none --data x --chat --normalize ratio", 2, "--chat cannot be combined with --bos or --normalize ratio: the chat template determines how a prompt begins, and a choice alone is a reply to nothing"},
		{"eval --on choices --from none --data x --examples y", 2, "--examples without --shots: say how many"},
		{"eval --on choices --from none --data x --seed 3", 2, "--seed without --shots: say how many"},
		{"eval --on choices --from none --data x --shots 2 --draw first --seed 3", 2, "--seed has no meaning with --draw first: nothing is drawn at random"},
		{"eval --on qa --from none --data x --length-penalty 0.5", 2, "--length-penalty without --beams: say how many"},
		{"eval --on qa --from none --data x --length-penalty 0.5 --protocol gpt3", 2, "--length-penalty without --beams: say how many"},
		{"launch --image x -- train", 2, "--image has no meaning with --print mpirun: it is for mpijob"},
		{"launch --name x -- train", 2, "--name has no meaning with --print mpirun: it is for srun and mpijob"},
		{"eval --on qa --from none --data x --beams -1", 2, "--beams -1: want 0 or more"},
		{"eval --on qa --from none --data x --beams 4 --length-penalty NaN", 2, "--length-penalty NaN: want a finite number; see gorgpt eval -h"},
		{"eval --on piqa --from none --data x --beams 4", 2, "--beams has no meaning for piqa"},
		{"eval --on perplexity --from none --data x --words split --limit 9", 2, "--words has no meaning with --limit: words of a part of the tokens are not counted"},
		{"eval --on qa --from none --data x --template tlrd", 2, `unknown template "tlrd"; did you mean "tldr"?`},
		{"eval --on lambada --from none --data x --tokens 3", 2, "--tokens has no meaning for lambada"},
		{"eval --on golden --from none", 1, "none: no config.json in it: not a checkpoint"},
		{"bench --steps 0", 2, "--batch 1, --context 64 and --steps 0 must be 1 or more"},
		{"bench --context 65", 2, "--context 65: gpt2-nano has 64 positions"},
		{"graph --model gpt3", 2, `unknown model "gpt3"; did you mean "gpt2"?`},
		{"graph --model gpt3-nano --context 65", 2, "--context 65: gpt3-nano has 64 positions"},
		{"graph --model gpt3-nano --set window_size=0", 2, `--set: gpt3: window_size is 0, want 1 or more: attention_order is "dense,banded", and a position in a banded layer sees at least itself`},
		{"bench --model gpt3-nano --set attention_order=banded,dense,dense", 2, `--set: gpt3: attention_order is "banded,dense,dense"; its 3 layers do not divide the model's 4`},
		{"bench --set windows_size=3 --model gpt3-nano", 2, `--set: unknown key "windows_size"; did you mean "window_size"?`},
		{"train --model gpt3-nano --set window_size --data ok.txt", 2, `--set: "window_size": want key=value`},
		{"train --model gpt3-nano --set window_size=wide --data ok.txt", 2, "--set: gpt3: key window_size: want a whole number, got a string"},
		{"train --model gpt3-nano --layers 3 --data ok.txt", 2, `gpt3: attention_order is "dense,banded"; its 2 layers do not divide the model's 3`},
		{"train --set n_layer=5 --set bias=true --data ok.txt", 2, "--set n_layer=5 --set bias=true: set sizes with --layers, --heads, --width and --context, and the vocabulary is the tokenizer's"},
		{"graph --context 0", 2, "--batch 1 and --context 0 must be 1 or more"},
		{"graph --context 65", 2, "--context 65: gpt2-nano has 64 positions"},
		{"graph --format dott", 2, `unknown format "dott"; did you mean "dot"?`},
		{"bench --decode --recompute", 2, "--recompute is for training: leave it out with --decode"},
		{"graph --format svg --depth -2", 2, "--depth -2: want -1 or more"},
		{"convert run out", 1, "run: no model in it: want a Hugging Face directory, OpenAI's TensorFlow checkpoint or params_*.npy, pytorch_model.bin, nanoGPT's ckpt.pt, a .bin of llm.c or llama2.c, or a GGUF file; did you mean run/checkpoints/best?"},
		{"runs a[", 1, "a[: no such folder"},
		{"graph --depth 1", 2, "--depth is for pictures: --format svg or dot"},
		{"graph --format svg --open h.9", 2, `draw: unknown scope "h.9"; did you mean "h.*"?`},
		{"graph --diff gpt1-nan", 2, `unknown model "gpt1-nan"; did you mean "gpt1-nano"?`},
		{"graph --diff gpt1-nano --format dot", 2, "--diff does not support --format dot; want table, svg or json"},
		{"graph --model gpt2 --diff gpt1-nano --context 65", 2, "--context 65: gpt1-nano has 64 positions"},
	} {
		status, _, stderr := gorgpt(t, t.Context(), strings.Fields(c.args)...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		if got := lines[len(lines)-1]; status != c.status || got != "gorgpt: "+c.want {
			t.Errorf("gorgpt %s: status %d\n%s\nwant status %d\ngorgpt: %s", c.args, status, got, c.status, c.want)
		}
		if strings.Contains(stderr, "goroutine") {
			t.Errorf("gorgpt %s: a stack trace", c.args)
		}
	}
	if after := list(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// list names all files below the working directory.
func list(t *testing.T) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, "\n")
}

// exists reports whether a file or folder exists.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
