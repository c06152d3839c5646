package checkpoint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEnds: a text may end at any of several tokens, and generation_config.json takes precedence, as in
// transformers 5.24's generate.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		config, generation string
		want               []int
	}{
		{`{"eos_token_id": [0, 5]}`, "", []int{0, 5}},
		{`{"eos_token_id": 0}`, "", []int{0}},
		{`{"eos_token_id": null}`, "", nil},
		{`{}`, "", nil},
		{`{"eos_token_id": 3}`, `{"eos_token_id": [7, 3]}`, []int{7, 3}},
		{`{}`, `{"eos_token_id": 0, "EOS_token_id": 114}`, []int{0}}, // a different key: names are case-sensitive
		{`{"eos_token_id": 3}`, `{"bos_token_id": 3}`, []int{3}},
	} {
		dir := t.TempDir()
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		write(configName, c.config)
		if c.generation != "" {
			write(generationName, c.generation)
		}
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Ends(); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %v, %v, want %v", c.config, c.generation, got, err, c.want)
		}
		write(configName, `{"eos_token_id": "x"}`)
		write(generationName, `{}`)
		const want = "config.json: eos_token_id: want the id of a token, a list of ids, or null"
		if _, err := d.Ends(); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
