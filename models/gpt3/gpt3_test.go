package gpt3_test

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/models"
	"github.com/gorgpt/gorgpt/models/gpt2"
	"github.com/gorgpt/gorgpt/models/gpt3"
)

// The bands of a small GPT-3: in a layer with a window of two, position 3 does not attend to the first two positions.
func ExampleConfig_Body() {
	c := gpt3.New(11, 8, 4, 2, 1)
	c.Window = 2
	for layer := range c.Layers {
		maps, err := models.AttentionMaps(c, graph.NewParams(1), []int{5, 6, 7, 8}, layer)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%.2f\n", maps[0][3*4:])
	}
	// Output:
	// [0.25 0.25 0.25 0.25]
	// [0.00 0.00 0.50 0.50]
}

// The paper's largest model is declared without allocating a weight.
func ExampleSizes() {
	for _, size := range gpt3.Sizes() {
		if size.Name == "gpt3-175b" {
			params := graph.NewParams(1)
			err := models.Declare(size.Model, params)
			fmt.Println(params.Count(), err)
		}
	}
	// Output: 174604259328 <nil>
}

// TestCount: parameter counts agree with a formula of the dimensions, and with table D.1 to the digits it prints.
// The dimensions that the paper prints elsewhere for 1.3B and 13B cannot be built, or give another count.
func TestCount(t *testing.T) {
	want := map[string]int64{ // ../shared/notes/papers.md §6
		"gpt3-125m": 125_226_240, "gpt3-350m": 355_871_744, "gpt3-760m": 760_300_032, "gpt3-1.3b": 1_315_723_264,
		"gpt3-2.7b": 2_651_553_280, "gpt3-6.7b": 6_658_404_352, "gpt3-13b": 12_853_386_240, "gpt3-175b": 174_604_259_328,
	}
	sizes := make(map[string]gpt3.Config)
	for _, size := range gpt3.Sizes() {
		sizes[size.Name] = size.Model.(gpt3.Config)
	}
	if len(gpt3.Rows()) != 8 || len(sizes) != 9 {
		t.Errorf("%d rows and %d models, want 8 and 9", len(gpt3.Rows()), len(sizes))
	}
	// formula counts the parameters of a shape, with L blocks and an inner width of A for attention.
	formula := func(s gpt3.Shape) int64 {
		const v, n = 50257, 2048
		c, a, l := int64(s.Width), int64(s.Heads*s.HeadSize), int64(s.Layers)
		return v*c + n*c + l*(3*(c*a+a)+a*c+c+8*c*c+5*c+4*c) + 2*c
	}
	for _, row := range gpt3.Rows() {
		c, params := sizes[row.Name], graph.NewParams(1)
		if err := models.Validate(c); err != nil {
			t.Fatal(err)
		}
		if err := models.Declare(c, params); err != nil {
			t.Fatal(err)
		}
		if params.Count() != want[row.Name] || formula(row.Runnable) != want[row.Name] {
			t.Errorf("%s: %d parameters, %d by the formula, want %d", row.Name, params.Count(), formula(row.Runnable), want[row.Name])
		}
		if c.Width != row.Runnable.Width || c.Layers != row.Runnable.Layers || c.Heads != row.Runnable.Heads || c.Width != c.Heads*row.Runnable.HeadSize || c.Context != 2048 {
			t.Errorf("%s is %+v, of row %+v", row.Name, c, row)
		}
		// Table D.1 has three digits, or four of which the last is zero.
		digits := math.Pow(10, math.Floor(math.Log10(row.Millions))-2)
		if off := math.Abs(float64(params.Count())/1e6 - row.Millions); off > 0.51*digits {
			t.Errorf("%s: %d parameters, table D.1 has %v million", row.Name, params.Count(), row.Millions)
		}
		if row.Printed != row.Runnable {
			if row.Printed.Width == row.Printed.Heads*row.Printed.HeadSize {
				t.Errorf("%s: %+v could be built", row.Name, row.Printed)
			}
		} else if row.Name == "gpt3-1.3b" || row.Name == "gpt3-13b" {
			t.Errorf("%s: printed as it runs", row.Name)
		}
	}
	// The dimensions that table 2.1 prints, counted as if they could be built, are further from D.1's 1,320 and 12,850.
	for _, row := range gpt3.Rows() {
		printed := map[string]int64{"gpt3-1.3b": 1_517_123_584}[row.Name]
		if printed != 0 && formula(row.Printed) != printed {
			t.Errorf("%s as printed: %d, want %d", row.Name, formula(row.Printed), printed)
		}
	}
}

// TestTraining differentiates the largest model, which takes memory for nodes but not for weights.
func TestTraining(t *testing.T) {
	sizes := gpt3.Sizes()
	m := sizes[len(sizes)-1].Model
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s := graph.New(graph.NewParams(1), graph.Training())
	p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 1, 2048), s.Ints("targets", 1, 2048)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	runtime.ReadMemStats(&after)
	if params := graph.Sum(p.Nodes()).Params; params != 174_604_259_328 {
		t.Errorf("%d parameters", params)
	}
	// The weights would take 698 GB.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<20 {
		t.Errorf("declaring allocated %d MB", grown>>20)
	} else {
		t.Logf("%d MB", grown>>20)
	}
}

// TestPattern: the attention order is repeated over the layers.
func TestPattern(t *testing.T) {
	for order, want := range map[string]string{
		"dense": "------", "banded": "++++++", "dense,banded": "-+-+-+", "banded,dense": "+-+-+-", "banded,banded,dense": "++-++-",
		"dense,dense,dense,dense,dense,banded": "-----+",
	} {
		c := gpt3.New(11, 8, 4, 6, 1)
		c.Order, c.Window = order, 3
		if err := models.Validate(c); err != nil {
			t.Fatal(err)
		}
		got := ""
		for layer := range c.Layers {
			maps, err := models.AttentionMaps(c, graph.NewParams(1), []int{5, 6, 7, 8, 9}, layer)
			if err != nil {
				t.Fatal(err)
			}
			sees := 0 // positions that the last position attends to
			for _, w := range maps[0][20:] {
				if w > 0 {
					sees++
				}
			}
			got += map[int]string{5: "-", 3: "+"}[sees]
			if c.Banded(layer) != (sees == 3) {
				t.Errorf("%s: layer %d: Banded %v, but a position sees %d", order, layer, c.Banded(layer), sees)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
	}
}

// TestWideBand: with a band that hides nothing, the model is a GPT-2, bit for bit in every gradient.
func TestWideBand(t *testing.T) {
	const context = 9
	plain := gpt2.New(13, context, 12, 4, 3)
	run := func(m models.Model) ([]float32, *graph.Params) {
		params := graph.NewParams(3)
		s := graph.New(params, graph.Training())
		p, err := s.CompileGrad(models.Loss(m, s, s.Ints("tokens", 2, context), s.Ints("targets", 2, context)))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		ids := []int{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3}
		for _, name := range []string{"tokens", "targets"} {
			if err := p.SetInts(name, ids); err != nil {
				t.Fatal(err)
			}
		}
		params.ZeroGrad()
		if err := p.RunGrad(1); err != nil {
			t.Fatal(err)
		}
		return []float32{p.Loss()}, params
	}
	want, wantParams := run(plain)
	for _, c := range []struct {
		window int
		order  string
		same   bool
	}{{context, "dense,banded", true}, {context + 1, "banded", true}, {1 << 20, "banded,dense", true}, {0, "dense", true}, {1, "dense", true}, {context - 1, "dense,banded", false}} {
		m := gpt3.Config{Config: plain, Window: c.window, Order: c.order}
		got, params := run(m)
		same := got[0] == want[0]
		for _, p := range params.All() {
			for i, v := range wantParams.Get(p.Name()).GradData() {
				same = same && math.Float32bits(v) == math.Float32bits(p.GradData()[i])
			}
		}
		if same != c.same {
			t.Errorf("window %d of %d positions, %s: the same bits %v", c.window, context, c.order, same)
		}
	}
}

// TestValidate: invalid orders and windows are reported.
func TestValidate(t *testing.T) {
	for _, c := range []struct {
		change func(c *gpt3.Config)
		want   string
	}{
		{func(c *gpt3.Config) {}, ""},
		{func(c *gpt3.Config) { c.Window, c.Order = 0, "dense" }, ""},
		{func(c *gpt3.Config) { c.Window = 0 }, `gpt3: window_size is 0, want 1 or more: attention_order is "dense,banded", and a position in a banded layer sees at least itself`},
		{func(c *gpt3.Config) { c.Window = -1 }, "gpt3: window_size is -1, want 1 to 16777216"},
		{func(c *gpt3.Config) { c.Window = 1<<24 + 1 }, "gpt3: window_size is 16777217, want 1 to 16777216"},
		{func(c *gpt3.Config) { c.Layers = 3 }, `gpt3: attention_order is "dense,banded"; its 2 layers do not divide the model's 3`},
		{func(c *gpt3.Config) { c.Order = "dense,banded,dense,banded,dense" }, `gpt3: attention_order is "dense,banded,dense,banded,dense"; its 5 layers do not divide the model's 4`},
		{func(c *gpt3.Config) { c.Order = "" }, `gpt3: attention_order is "", want dense and banded with commas between; "" is neither`},
		{func(c *gpt3.Config) { c.Order = "dense,local" }, `gpt3: attention_order is "dense,local", want dense and banded with commas between; "local" is neither`},
		{func(c *gpt3.Config) { c.Order = "dense, banded" }, `gpt3: attention_order is "dense, banded", want dense and banded with commas between; " banded" is neither`},
		{func(c *gpt3.Config) { c.Heads = 5 }, "gpt3: width 12 is not a multiple of 5 heads"},
		{func(c *gpt3.Config) { c.Inner = -1 }, "gpt3: a feed-forward width of -1 is not in 0 to 16777216"},
		{func(c *gpt3.Config) { c.Activation = "mish" }, `gpt3: activation_function is "mish", want gelu, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, quick_gelu, relu, relu2, silu, swish`},
	} {
		m := gpt3.New(13, 9, 12, 4, 3)
		c.change(&m)
		if err := models.Validate(m); (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%+v: %v, want %q", m, err, c.want)
		}
	}
}

// TestWrittenAs: config.json describes the model as a GPT-2 for transformers exactly if no band hides
// anything; either way, it is read back as the GPT-3 that it was.
func TestWrittenAs(t *testing.T) {
	for _, c := range []struct {
		window int
		order  string
		want   string
	}{{9, "dense,banded", "gpt2"}, {8, "dense,banded", "gpt3"}, {0, "dense", "gpt2"}, {4, "dense,dense", "gpt2"}, {1, "banded", "gpt3"}} {
		m := gpt3.New(13, 9, 12, 4, 3)
		m.Window, m.Order = c.window, c.order
		text, err := models.JSON(m, 3)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Type    string   `json:"model_type"`
			Family  *string  `json:"gorgpt_family"`
			Classes []string `json:"architectures"`
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		asGPT2 := c.want == "gpt2"
		if got.Type != c.want || (got.Family != nil) != asGPT2 || asGPT2 && (*got.Family != "gpt3" || fmt.Sprint(got.Classes) != "[GPT2LMHeadModel]") || !asGPT2 && got.Classes != nil {
			t.Errorf("%+v is written as\n%s", m, text)
		}
		if back, err := models.Parse(text); err != nil || back != models.Model(m) {
			t.Errorf("%+v read back as %+v, %v", m, back, err)
		}
	}
}

// TestParseErrors: a file that transformers would open as a different model is rejected.
func TestParseErrors(t *testing.T) {
	banded, err := models.JSON(gpt3.New(13, 9, 12, 4, 3))
	if err != nil {
		t.Fatal(err)
	}
	wide := strings.Replace(string(banded), `"window_size": 256`, `"window_size": 4`, 1)
	for _, c := range []struct{ text, want string }{
		{wide, `gpt3: config.json: model_type is "gpt2", want "gpt3": transformers would open a different model from the one that gorgpt_family describes`},
		{strings.Replace(wide, `"gorgpt_family": "gpt3"`, `"gorgpt_family": "gpt4"`, 1), `config.json: model_type is "gpt4", want gpt2 or gpt3 or gpt_neo or gpt_oss or llama or mixtral or nanochat or openai-gpt`},
		{strings.Replace(wide, `"gorgpt_family": "gpt3"`, `"gorgpt_family": 3`, 1), "config.json: key gorgpt_family: want a string, got a number"},
		{strings.Replace(wide, `"model_type": "gpt2"`, `"model_type": "bert"`, 1), `gpt3: config.json: model_type is "bert", want "gpt3": transformers would open a different model from the one that gorgpt_family describes`},
		{`{"model_type": "gpt3", "attention_order": 3}`, "gpt3: config.json: key attention_order: want a string, got a number"},
		{`{"model_type": "gpt3", "attention_oder": "dense"}`, `gpt3: config.json: unknown key "attention_oder"; did you mean "attention_order"? It may change what the model computes; if not, remove it from the file`},
		// GPT-2's configuration has no bands.
		{`{"model_type": "gpt2", "window_size": 4}`, `gpt2: config.json: unknown key "window_size". It may change what the model computes; if not, remove it from the file`},
	} {
		if _, err := models.Parse([]byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
	m, err := models.Parse([]byte(`{"model_type": "gpt3", "n_layer": 2}`))
	if c, ok := m.(gpt3.Config); err != nil || !ok || c.Width != 768 || c.Context != 2048 || c.Order != "dense,banded" || c.Window != 256 {
		t.Errorf("%+v, %v", m, err)
	}
}

// The two rows of table 2.1 that cannot be built as printed.
func ExampleRows() {
	for _, row := range gpt3.Rows() {
		if row.Printed != row.Runnable {
			fmt.Println(row.Name, row.Printed, row.Runnable)
		}
	}
	// Output:
	// gpt3-1.3b {24 2048 24 128} {24 2048 16 128}
	// gpt3-13b {40 5140 40 128} {40 5120 40 128}
}
