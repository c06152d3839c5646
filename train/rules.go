package train

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/optional"
)

// RuleSettings are what a recipe may set for a rule; each rule uses some of them.
type RuleSettings struct {
	Beta1   float64 // decay rate of the gradient's running mean, or momentum
	Beta2   float64 // of a second running mean
	Epsilon float64 // keeps steps small where gradients are tiny
}

// A NamedRule is a [Rule] that recipes can select by name.
type NamedRule struct {
	Name  string // "adamw"
	About string // a few words for help
	// Heeds are the settings that the rule uses: "beta1", "beta2", "epsilon".
	Heeds []string
	// Hidden says that the rule is for the matrices of a model's blocks; the other parameters are
	// changed by the rule adamw.
	Hidden bool
	// Flat says that the rule is meant for a learning rate that does not fall.
	Flat bool
	Make func(RuleSettings) Rule
}

// Averages reports whether the rule is an [Averaging].
func (r NamedRule) Averages() bool {
	_, ok := optional.As[Averaging](r.Make(RuleSettings{}))
	return ok
}

// registered holds the rules that can be selected by name.
var registered = struct {
	sync.Mutex
	rules []NamedRule
	err   error
}{rules: []NamedRule{
	{Name: "adamw", Heeds: []string{"beta1", "beta2", "epsilon"}, Make: func(s RuleSettings) Rule { return AdamW(s) }},
	{Name: "schedulefree", About: "AdamW with an average of the weights instead of a falling learning rate; use schedule constant, and 1 to 10 times AdamW's lr",
		Heeds: []string{"beta1", "beta2", "epsilon"}, Flat: true, Make: func(s RuleSettings) Rule { return ScheduleFree(s) }},
	{Name: "lion", About: "half the memory; use a third of AdamW's lr or less, a larger weight-decay, beta1 0.95 and beta2 0.98",
		Heeds: []string{"beta1", "beta2"}, Make: func(s RuleSettings) Rule { return Lion{Beta1: s.Beta1, Beta2: s.Beta2} }},
	{Name: "sgd", About: "with beta1 as momentum; use a large lr", Heeds: []string{"beta1"},
		Make: func(s RuleSettings) Rule { return SGD{Momentum: s.Beta1} }},
	{Name: "muon", About: "for the matrices of blocks, with beta1 as momentum and steps of AdamW's size; adamw for the rest",
		Heeds: []string{"beta1", "beta2", "epsilon"}, Hidden: true, Make: func(s RuleSettings) Rule { return &Muon{Momentum: s.Beta1, MatchRMS: true} }},
}}

// RegisterRule makes a rule available to recipes and to the command's --solver. Call it in an init
// function. It does not panic if two rules have the same name, or if a rule lacks its name or Make:
// every later lookup of a rule returns the error.
func RegisterRule(r NamedRule) {
	registered.Lock()
	defer registered.Unlock()
	switch {
	case r.Name == "" || r.Make == nil:
		registered.err = fmt.Errorf("train: the registered rule %q has no name, or no Make", r.Name)
	case slices.ContainsFunc(registered.rules, func(other NamedRule) bool { return other.Name == r.Name }):
		registered.err = fmt.Errorf("train: two rules are registered as %q", r.Name)
	default:
		registered.rules = append(registered.rules, r)
	}
}

// Rules lists the rules that can be selected by name.
func Rules() ([]NamedRule, error) {
	registered.Lock()
	defer registered.Unlock()
	return slices.Clone(registered.rules), registered.err
}

// FindRule returns the rule of the given name. For an unknown name, the error suggests the nearest.
func FindRule(name string) (NamedRule, error) {
	rules, err := Rules()
	if err != nil {
		return NamedRule{}, err
	}
	var known []string
	for _, r := range rules {
		if r.Name == name {
			return r, nil
		}
		known = append(known, r.Name)
	}
	return NamedRule{}, nearest.Unknown("solver", name, known)
}
