package run

import (
	"os"
	"testing"
)

// write writes a file.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestRecipeErrors: errors in a recipe are reported with their line, in the terms of the file.
func TestRecipeErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	for text, want := range map[string]string{
		`batch = "many"`:                   `r.toml:2: batch: want an integer, got "many"`,
		"batch = 1.5":                      "r.toml:2: batch: want an integer, got 1.5",
		"batch = 99999999999999999999":     "r.toml:2: 99999999999999999999 is out of range for int64",
		"seed = -1":                        "r.toml:2: seed: want an integer from 0, got -1",
		"seed = 1e3":                       "r.toml:2: seed: want an integer from 0, got 1000",
		`lr = "fast"`:                      `r.toml:2: lr: want a number, got "fast"`,
		"recompute = 1":                    "r.toml:2: recompute: want true or false, got 1",
		"tokens = -3":                      `r.toml:2: tokens: want a count, as in 300000 or "300B", got -3`,
		"warmup_tokens = true":             `r.toml:2: warmup_tokens: want a count, as in 300000 or "300B", got true`,
		"data = 3":                         "r.toml:2: data: want a string, got 3",
		`mix = "a"`:                        `r.toml:2: mix: want a list of strings, as in ["a", "b"], got "a"`,
		`mix = ["a", 2]`:                   `r.toml:2: mix: want a list of strings, as in ["a", "b"], got a list`,
		"batch = {a = 1}":                  "r.toml:2: batch: want an integer, got a table",
		"[batch]\nx = 1":                   "r.toml:2: batch: want an integer, got a table",
		"batch.x = 3":                      "r.toml:2: batch: want an integer, got a table",
		"[[batch]]":                        "r.toml:2: batch: want an integer, got a table",
		"batch = 1979-05-27":               "r.toml:2: batch: want an integer, got a time",
		"\n\"batch\" = true":               "r.toml:3: batch: want an integer, got true",
		"steps = 1\r\nlr_flor = 3\r\n":     `r.toml:3: unknown key "lr_flor"; did you mean "lr_floor"?`,
		"lr-floor = 0.1":                   `r.toml:2: unknown key "lr-floor"; did you mean "lr_floor"?`,
		"[model]\nlayers = 2":              `r.toml:2: model: want a string, got a table`,
		"batch = 1\nbatch = 2":             "r.toml:3: Key 'batch' has already been defined.",
		"data = \"\xff\"":                  "r.toml:2: invalid UTF-8 byte: 0xff",
		`data = 'a'` + "\ncontext = \"x\"": `r.toml:3: context: want an integer, got "x"`,
	} {
		write(t, "r.toml", "# a comment\n"+text+"\n")
		if _, err := ReadRecipe("r.toml"); err == nil || err.Error() != want {
			t.Errorf("%s\n%v\nwant %s", text, err, want)
		}
	}
	for text, want := range map[string]string{"300_000": "300000", `"300B"`: "300B"} { // with or without quotes
		write(t, "r.toml", "tokens = "+text+"\n")
		if r, err := ReadRecipe("r.toml"); err != nil || r.Tokens != want {
			t.Errorf("tokens = %s: %q, %v", text, r.Tokens, err)
		}
	}
	// Numbers of type float may be written without a fraction.
	write(t, "r.toml", "lr = 1\nclip = 2\nno_decay = [\"wte.*\"]\nmix = []\n")
	r, err := ReadRecipe("r.toml")
	if err != nil || r.LearnRate != 1 || r.Clip != 2 || len(r.NoDecay) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestWholeRecipe: a run cannot be resumed with a recipe that lacks settings.
func TestWholeRecipe(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "recipe.toml", string(Defaults().Text()))
	if r, err := Dir(".").Recipe(); err != nil || string(r.Text()) != string(Defaults().Text()) {
		t.Errorf("%v\n%s", err, r.Text())
	}
	for text, want := range map[string]string{
		"":                      "recipe.toml: model is missing: not the recipe of a run, which has every setting",
		"model = \"gpt2-nano\"": "recipe.toml: data is missing: not the recipe of a run, which has every setting",
	} {
		write(t, "recipe.toml", text)
		if _, err := Dir(".").Recipe(); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
