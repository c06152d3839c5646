package graph

import (
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/internal/scopepath"
)

// Freeze excludes parameters from training: those whose names match pattern, or lie below what it matches. In a
// pattern, * stands for any part of a name: "h.*.attn" is the attention of every block, "*" is everything.
// Programs that are compiled afterwards have no gradient for frozen parameters: nothing is computed for it, and
// it takes no memory. Frozen parameters are saved and loaded like others.
//
// Parameters that are declared later are not frozen: freeze a model first, then declare what is to be trained.
// A pattern that matches nothing is an error.
func (ps *Params) Freeze(pattern string) error { return ps.setFrozen("Freeze", pattern, true) }

// Unfreeze makes parameters trainable again; pattern is as in [Params.Freeze].
func (ps *Params) Unfreeze(pattern string) error { return ps.setFrozen("Unfreeze", pattern, false) }

func (ps *Params) setFrozen(call, pattern string, frozen bool) error {
	found := false
	for _, p := range ps.All() {
		if scopepath.Inside(strings.Split(pattern, "."), strings.Split(p.name, ".")) {
			p.frozen, found = frozen, true
		}
	}
	if !found {
		return fmt.Errorf("graph: %s(%s): %w", call, pattern, unknown("parameter", pattern, ps.Names()))
	}
	return nil
}

// SetFrozen freezes or unfreezes this parameter alone; see [Params.Freeze].
func (p *Param) SetFrozen(frozen bool) { p.frozen = frozen }

// Frozen reports whether the parameter is excluded from training, as a parameter of [Scope.Buffer] always is.
func (p *Param) Frozen() bool { return p.frozen || p.buffer }

// Trainable returns the parameters that are not frozen, in the order of their declaration.
func (ps *Params) Trainable() []*Param { return learned(ps.All()) }
