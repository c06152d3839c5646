package gpt3

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/models/family"
	"github.com/gorgpt/gorgpt/models/gpt2"
)

// Config is the size and the variant of a GPT-3: the settings of a GPT-2, under the keys of transformers'
// GPT2Config, and the attention pattern. Start from one of [Sizes] or from [New].
type Config struct {
	gpt2.Config

	// Window is how many positions a position of a banded layer sees, itself included. The paper does not
	// say; 256 is the window of EleutherAI's GPT-Neo, the nearest open model.
	Window int `json:"window_size"`
	// Order lists the kinds of the layers from the first on, "dense" and "banded" separated by commas. It is
	// repeated, so its length must divide the number of layers. The paper says "alternating", not which comes
	// first; "dense,banded" is the order of GPT-Neo as released. With "dense", all layers are as in GPT-2.
	Order string `json:"attention_order"`
}

// The kinds of layers.
const (
	dense  = "dense"
	banded = "banded"
)

// New returns a configuration of the given size with GPT-3's other settings. It has no dropout, which the
// paper does not mention.
func New(vocab, context, width, layers, heads int) Config {
	return Config{Config: gpt2.New(vocab, context, width, layers, heads), Window: 256, Order: dense + "," + banded}
}

// Shape holds the sizes of a model in table 2.1.
type Shape struct{ Layers, Width, Heads, HeadSize int }

// Row is a model of table 2.1.
type Row struct {
	Name     string
	Printed  Shape   // in the table
	Runnable Shape   // what can be built, with the parameter count of table D.1
	Batch    int     // tokens per update
	Rate     float64 // the highest learning rate
	Millions float64 // of parameters, from table D.1
}

// Rows returns table 2.1. Two of its rows cannot be built: in one, 24 heads of 128 do not give a width of
// 2,048; in another, 40 of 128 do not give 5,140. The counts of table D.1 are, to the digit, those of the
// runnable shapes.
func Rows() []Row {
	return []Row{
		//                    printed               runnable              batch      rate    D.1
		{"gpt3-125m", Shape{12, 768, 12, 64}, Shape{12, 768, 12, 64}, 500_000, 6.0e-4, 125},
		{"gpt3-350m", Shape{24, 1024, 16, 64}, Shape{24, 1024, 16, 64}, 500_000, 3.0e-4, 356},
		{"gpt3-760m", Shape{24, 1536, 16, 96}, Shape{24, 1536, 16, 96}, 500_000, 2.5e-4, 760},
		{"gpt3-1.3b", Shape{24, 2048, 24, 128}, Shape{24, 2048, 16, 128}, 1_000_000, 2.0e-4, 1_320},
		{"gpt3-2.7b", Shape{32, 2560, 32, 80}, Shape{32, 2560, 32, 80}, 1_000_000, 1.6e-4, 2_650},
		{"gpt3-6.7b", Shape{32, 4096, 32, 128}, Shape{32, 4096, 32, 128}, 2_000_000, 1.2e-4, 6_660},
		{"gpt3-13b", Shape{40, 5140, 40, 128}, Shape{40, 5120, 40, 128}, 2_000_000, 1.0e-4, 12_850},
		{"gpt3-175b", Shape{96, 12288, 96, 128}, Shape{96, 12288, 96, 128}, 3_200_000, 0.6e-4, 174_600},
	}
}

// Sizes returns the models of table 2.1, with the vocabulary of GPT-2 and 2,048 positions, and one for CPUs.
func Sizes() []family.Named {
	nano := New(65, 64, 128, 4, 4) // training replaces the vocabulary by its tokenizer's
	nano.Window = 16
	sizes := []family.Named{{Name: "gpt3-nano", About: "for tests: every other layer sees 16 positions", Model: nano}}
	for _, r := range Rows() {
		about := fmt.Sprintf("GPT-3 %s (the paper's table 2.1)", strings.ToUpper(strings.TrimPrefix(r.Name, "gpt3-")))
		if r.Runnable != r.Printed {
			about += fmt.Sprintf("; printed there: width %d, %d heads of %d", r.Printed.Width, r.Printed.Heads, r.Printed.HeadSize)
		}
		sizes = append(sizes, family.Named{Name: r.Name, About: about, Model: New(50257, 2048, r.Runnable.Width, r.Runnable.Layers, r.Runnable.Heads)})
	}
	return sizes
}

// Validate returns what is wrong with settings other than sizes and rates, or nil.
func (c Config) Validate() error {
	order := strings.Split(c.Order, ",")
	for _, kind := range order {
		if kind != dense && kind != banded {
			return fmt.Errorf("attention_order is %q, want dense and banded with commas between; %q is neither", c.Order, kind)
		}
	}
	switch n := len(order); {
	case c.Layers%n != 0:
		return fmt.Errorf("attention_order is %q; its %d layers do not divide the model's %d", c.Order, n, c.Layers)
	case c.Window < 0 || c.Window > maxWindow:
		return fmt.Errorf("window_size is %d, want 1 to %d", c.Window, maxWindow)
	case c.Window == 0 && slices.Contains(order, banded):
		return fmt.Errorf("window_size is 0, want 1 or more: attention_order is %q, and a position in a banded layer sees at least itself", c.Order)
	}
	return c.Config.Validate()
}

// maxWindow bounds what a file may ask for, as for contexts.
const maxWindow = 1 << 24

// writtenAs returns "gpt2" for a model that is equivalent to a GPT-2: no layer has a band that hides
// anything.
func writtenAs(m family.Model) string {
	c := m.(Config)
	if strings.Contains(c.Order, banded) && c.Window < c.Context {
		return ""
	}
	return "gpt2"
}

func init() {
	family.Register(family.Family{
		Type: "gpt3", Default: New(50257, 2048, 768, 12, 12), Sizes: Sizes(),
		As:      writtenAs,
		Aliases: family.OpenAI, Harmless: gpt2.Harmless, Prefix: gpt2.Prefix, Buffers: gpt2.Buffers,
		Whole: func(m family.Model) family.Model {
			c := m.(Config)
			c.Config = c.Config.Whole()
			return c
		},
	})
}
