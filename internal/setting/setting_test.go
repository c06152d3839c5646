package setting

import (
	"os"
	"testing"

	"github.com/spf13/pflag"

	"github.com/gorgpt/gorgpt/internal/usage"
)

// config has a setting of each kind.
type config struct {
	on    bool
	n     int
	seed  uint64
	x     float64
	name  string
	parts []string
}

func (c *config) settings() List {
	return List{
		New("on", &c.on, true, ""), New("n-of", &c.n, 3, "", AtLeast(1)), New("seed", &c.seed, 7, "", Seed), New("x", &c.x, 0.5, "", NotNegative),
		New("name", &c.name, "cosine", "", OneOf("schedule", "cosine", "linear")), New("parts", &c.parts, nil, ""),
	}
}

// TestSettings: one declaration makes a flag, a key of a file and a check; a flag overrides a file.
func TestSettings(t *testing.T) {
	t.Chdir(t.TempDir())
	var c config
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.settings().Flags(f)
	if err := f.Parse([]string{"--x", "2", "--parts", "a b", "--parts", "c"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("r.toml", []byte("n_of = 9\nx = 1\nparts = []\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	names, err := c.settings().Read("r.toml", f.Changed)
	if err != nil || len(names) != 3 || c.n != 9 || c.x != 2 || len(c.parts) != 2 {
		t.Errorf("%v, %q, %+v", err, names, c)
	}
	const text = "# all\non = true\nn_of = 9\nseed = 7\nx = 2.0\nname = \"cosine\"\nparts = [\"a b\", \"c\"]\n"
	if got := string(c.settings().Text("all")); got != text {
		t.Errorf("%s\nwant %s", got, text)
	}
	for want, change := range map[string]func(){
		"--n-of 0: want 1 or more":                          func() { c.n = 0 },
		"--x -1: want 0 or more":                            func() { c.x = -1 },
		`unknown schedule "linera"; did you mean "linear"?`: func() { c.name = "linera" },
		"--seed 9223372036854775808: want at most 9223372036854775807, the largest integer of TOML": func() { c.seed = 1 << 63 },
	} {
		c.settings().Reset()
		if change(); c.settings().Validate() == nil || c.settings().Validate().Error() != want || !usage.Is(c.settings().Validate()) {
			t.Errorf("%v, want %s", c.settings().Validate(), want)
		}
	}
	err = NoneIdle(f.Changed, Idle{true, []string{"n-of"}, "nothing"}, Idle{true, []string{"x"}, "y: it has none"})
	if err == nil || err.Error() != "--x has no meaning with y: it has none" {
		t.Error(err)
	}
}
