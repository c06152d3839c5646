package ops_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/ops"
)

// tolFrequency bounds relative errors against transformers, which computes frequencies in float32; 6e-7
// was measured, in powers.
const tolFrequency = 2e-6

// golden is what transformers computed; see testdata/positions.py.
type golden struct {
	Rotary []struct {
		Size        int
		Settings    json.RawMessage
		Frequencies []float64
		Factor      float64
	}
	Slopes struct{ Bloom, MPT map[int][]float64 }
}

func openGolden(t *testing.T) (g golden) {
	t.Helper()
	data, err := os.ReadFile("testdata/positions.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestScaledRotary: settings from a config.json rotate heads by transformers' frequencies and factors.
func TestScaledRotary(t *testing.T) {
	for _, c := range openGolden(t).Rotary {
		o, err := ops.ParseRotary(c.Settings, c.Size)
		if err != nil {
			t.Errorf("%s: %v", c.Settings, err)
			continue
		}
		// At position 1, (1, 0) becomes the cosine and the sine of a pair's frequency, times the factor.
		s := graph.New(graph.NewParams(1))
		s.SetSequence(1, 2)
		x := make([]float32, 2*c.Size)
		n := len(c.Frequencies)
		for m := range n {
			x[c.Size+m] = 1
		}
		y := run(t, s, ops.Rotary(s, s.Floats("x", 2, c.Size), 1, o), x, nil)[c.Size:]
		for m, want := range c.Frequencies {
			got := math.Atan2(float64(y[n+m]), float64(y[m]))
			if math.Abs(got-want) > tolFrequency*want {
				t.Errorf("%s: frequency %d is %v, want %v", c.Settings, m, got, want)
			}
			if factor := math.Hypot(float64(y[n+m]), float64(y[m])); math.Abs(factor-c.Factor) > tolFrequency*c.Factor {
				t.Errorf("%s: pair %d is multiplied by %v, want %v", c.Settings, m, factor, c.Factor)
			}
		}
		for i, v := range y[2*n:] {
			if v != 0 {
				t.Errorf("%s: column %d turns", c.Settings, 2*n+i)
			}
		}
	}
}

// TestALiBi: slopes are BLOOM's and MPT's, for numbers of heads that are powers of two and for others.
func TestALiBi(t *testing.T) {
	slopes := openGolden(t).Slopes
	for name, c := range map[string]struct {
		want map[int][]float64
		got  func(heads int) []float64
	}{
		"BLOOM": {slopes.Bloom, ops.ALiBi},
		"MPT":   {slopes.MPT, func(heads int) []float64 { return ops.ALiBiMPT(heads, 8) }},
	} {
		for heads, want := range c.want {
			got := c.got(heads)
			if len(got) != heads || len(want) != heads {
				t.Errorf("%s: %d slopes of %d, want %d", name, len(got), heads, len(want))
				continue
			}
			for i, v := range got {
				if math.Abs(v-want[i]) > tolFrequency*want[i] {
					t.Errorf("%s: slope %d of %d is %v, want %v", name, i, heads, v, want[i])
				}
			}
		}
	}
	if got := ops.ALiBi(0); got != nil {
		t.Errorf("slopes of no heads: %v", got)
	}
}

func TestRotaryErrors(t *testing.T) {
	for _, c := range []struct{ settings, want string }{
		{`{"rope_type": "longrope", "factor": 2}`, `rope_scaling: rope_type is "longrope", want default, linear, ntk, yarn or llama3`},
		{`{"type": "dynamic", "factor": 2}`, `rope_scaling: rope_type is "dynamic", want default, linear, ntk, yarn or llama3`},
		{`{"type": "linear"}`, "rope_scaling: linear has a factor of 0, want 1 or more"},
		{`{"type": "linear", "factor": 2, "beta_fast": 3}`, `rope_scaling: linear has no key "beta_fast"; it has factor, rope_theta, partial_rotary_factor`},
		{`{"factor": 2}`, `rope_scaling: default has no key "factor"; it has rope_theta, partial_rotary_factor`},
		{`{"type": "yarn", "factor": 2}`, "rope_scaling: yarn has original_max_position_embeddings of 0, want 1 or more"},
		{`{"type": "yarn", "factor": 2, "original_max_position_embeddings": 9, "beta_slow": 40}`, "rope_scaling: yarn has a beta_fast of 32 and a beta_slow of 40, want above 0, the first higher"},
		{`{"type": "yarn", "factor": 2, "original_max_position_embeddings": 9, "attention_factor": -1}`, "rope_scaling: yarn has an attention_factor of -1, want above 0"},
		{`{"type": "llama3", "factor": 8, "original_max_position_embeddings": 9, "low_freq_factor": 4, "high_freq_factor": 4}`, "rope_scaling: llama3 has a low_freq_factor of 4 and a high_freq_factor of 4, want above 0, the first lower"},
		{`{"partial_rotary_factor": 1.5}`, "rope_scaling: partial_rotary_factor is 1.5 of heads of 12 columns, want above 0 to 1"},
		{`{"partial_rotary_factor": 0.25}`, "rope_scaling: 3 columns cannot be rotated in pairs; want an even number"},
		{`{"rope_theta": -3}`, "rope_scaling: a base of -3 has no frequencies"},
		{`{"rope_theta": 0}`, "rope_scaling: rope_theta is 0, want above 0"},
		{`{"type": "yarn", "factor": 2, "original_max_position_embeddings": 9, "attention_factor": 0.0}`, "rope_scaling: attention_factor is 0.0, want above 0"},
		{`{"type": "yarn", "factor": 2, "original_max_position_embeddings": 9, "attention_factor": 1e39}`, "rope_scaling: yarn has an attention_factor of 1e+39, want above 0"},
		{`{"factor": "2"}`, "rope_scaling: json: cannot unmarshal string into Go struct field RotaryScaling.factor of type float64"},
		{`7`, "rope_scaling: json: cannot unmarshal number into Go value of type map[string]json.RawMessage"},
	} {
		if o, err := ops.ParseRotary([]byte(c.settings), 12); err == nil || err.Error() != c.want || o.Theta != 0 || o.Scaling != (ops.RotaryScaling{}) {
			t.Errorf("%s: %+v, error %v, want %s", c.settings, o, err, c.want)
		}
	}
	for _, none := range []string{`null`, `{}`, `{"rope_type": "default", "rope_theta": 10000}`} {
		if _, err := ops.ParseRotary([]byte(none), 12); err != nil {
			t.Errorf("%s: %v", none, err)
		}
	}
}

func FuzzParseRotary(f *testing.F) {
	f.Add(`{"rope_type": "yarn", "factor": 32, "original_max_position_embeddings": 4096, "truncate": false}`, 64)
	f.Add(`{"type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}`, 8)
	f.Add(`{"type": "ntk", "factor": 1e300, "rope_theta": 1e-300}`, 2)
	f.Fuzz(func(t *testing.T, settings string, size int) {
		size = min(max(size, 1), 64)
		o, err := ops.ParseRotary([]byte(settings), size)
		if err != nil {
			return
		}
		s := graph.New(graph.NewParams(1))
		s.SetSequence(1, 2)
		ops.Rotary(s, s.Floats("x", 2, size), 1, o)
		if s.Err() != nil {
			t.Errorf("%s is read, but %v", settings, s.Err())
		}
	})
}

// TestRotaryForms: each form of rotary positions works in pieces of sequences, and its gradient
// matches finite differences.
func TestRotaryForms(t *testing.T) {
	for name, o := range map[string]ops.RotaryOptions{
		"interleaved":         {Interleaved: true},
		"interleaved, part":   {Interleaved: true, Columns: 4, Theta: 50},
		"halves of a part":    {Columns: 2},
		"scaled by a factor":  {Scaling: ops.RotaryScaling{Type: "yarn", Factor: 8, OriginalPositions: 16}},
		"backwards":           {Frequencies: []float64{-1, -0.1}},
		"reversed":            {Reversed: true},
		"scaled, interleaved": {Interleaved: true, Scaling: ops.RotaryScaling{Type: "linear", Factor: 3}},
	} {
		turn := func(s *graph.Scope) *G.Node {
			batch, context := s.Sequence()
			return ops.Rotary(s, s.Floats("x", batch*context, 12), 2, o)
		}
		if err := graph.CheckPieces(graph.PiecesCheck{}, turn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		err := graph.CheckGrad(graph.GradCheck{}, func(s *graph.Scope) *G.Node {
			s.SetSequence(2, 5)
			return turn(s)
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRotaryReversed: Reversed equals rotating by negative frequencies.
func TestRotaryReversed(t *testing.T) {
	turned := func(o ops.RotaryOptions) []float32 {
		s := graph.New(graph.NewParams(1))
		s.SetSequence(1, 3)
		y := ops.Rotary(s, s.Floats("x", 3, 4), 1, o)
		p, err := s.Compile(y)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := errors.Join(p.SetFloats("x", []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), p.Run()); err != nil {
			t.Fatal(err)
		}
		return slices.Clone(p.Value(y))
	}
	got, want := turned(ops.RotaryOptions{Theta: 100, Reversed: true}), turned(ops.RotaryOptions{Frequencies: []float64{-1, -0.1}})
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The rope_scaling setting of a config.json.
func ExampleParseRotary() {
	o, err := ops.ParseRotary([]byte(`{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
		"original_max_position_embeddings": 8192}`), 64)
	fmt.Println(o.Scaling.Type, o.Scaling.Factor, err)
	_, err = ops.ParseRotary([]byte(`{"rope_type": "longrope"}`), 64)
	fmt.Println(err)
	// Output:
	// llama3 8 <nil>
	// rope_scaling: rope_type is "longrope", want default, linear, ntk, yarn or llama3
}
