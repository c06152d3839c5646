package train

import (
	"strings"
	"testing"
)

// TestNamedRules: the rule that each one makes depends on the settings that it lists, and on no others.
func TestNamedRules(t *testing.T) {
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) < 4 {
		t.Fatalf("%d rules", len(rules))
	}
	for _, r := range rules {
		for _, name := range []string{"beta1", "beta2", "epsilon"} {
			plain := r.Make(RuleSettings{0.5, 0.5, 0.5})
			other := r.Make(map[string]RuleSettings{"beta1": {0.25, 0.5, 0.5}, "beta2": {0.5, 0.25, 0.5}, "epsilon": {0.5, 0.5, 0.25}}[name])
			heeds := applied(plain) != applied(other)
			says := false
			for _, h := range r.Heeds {
				says = says || h == name
			}
			if r.Hidden && name != "beta1" { // AdamW uses them for the other parameters
				continue
			}
			if heeds != says {
				t.Errorf("%s: heeds %s: %v; it says %v", r.Name, name, heeds, says)
			}
		}
	}
}

// applied returns the weights after three updates of a matrix by a rule.
func applied(r Rule) [4]float32 {
	c := Change{Shape: []int{2, 2}, Weight: []float32{1, 2, 3, 4}, Rate: 0.1, Clip: 1}
	kept, err := r.Keeps(c.Shape)
	if err != nil {
		panic(err)
	}
	for range kept {
		c.Kept = append(c.Kept, make([]float32, 4))
	}
	if a, ok := r.(Averaging); ok {
		a.Begin(c.Weight, c.Kept)
	}
	for i, grad := range [][]float32{{1, -2, 0.5, 3}, {-0.75, 1, -0.25, 2}, {-0.3, 1, -0.3, -2}} {
		c.Step, c.Grad, c.Share = i+1, grad, 1/float64(i+1)
		r.Apply(&c)
	}
	return [4]float32(c.Weight)
}

func TestRegisterRule(t *testing.T) {
	before := registered.rules
	defer func() { registered.rules, registered.err = before, nil }()
	half := func(RuleSettings) Rule { return SGD{} }
	RegisterRule(NamedRule{Name: "half", Make: half})
	if r, err := FindRule("half"); err != nil || r.Name != "half" {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := FindRule("hulf"); err == nil || !strings.Contains(err.Error(), `did you mean "half"?`) {
		t.Error(err)
	}
	for _, bad := range []NamedRule{{Name: "half", Make: half}, {Name: "adamw", Make: half}, {Name: "none"}, {Make: half}} {
		registered.err = nil
		RegisterRule(bad)
		if _, err := FindRule("adamw"); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
