package graph

import (
	"fmt"
	"strings"

	"github.com/gorgpt/gorgpt/internal/nearest"
	"github.com/gorgpt/gorgpt/internal/scopepath"
)

// Freeze keeps parameters as they are: those whose names a pattern matches, or that lie below
// what it matches. In a pattern, * stands for any part of a name: "h.*.attn" is the attention of every block,
// "*" is all. A program that is compiled from then on has no gradient of them: nothing is computed for it, and it takes no
// memory. They are saved and loaded like others.
//
// Parameters that are declared later are not frozen: freeze a model, then declare what
// shall learn. A pattern that matches nothing is an error.
func (ps *Params) Freeze(pattern string) error { return ps.setFrozen("Freeze", pattern, true) }

// Unfreeze lets parameters learn again, as [Params.Freeze] names them.
func (ps *Params) Unfreeze(pattern string) error { return ps.setFrozen("Unfreeze", pattern, false) }

func (ps *Params) setFrozen(call, pattern string, frozen bool) error {
	found := false
	for _, p := range ps.All() {
		if scopepath.Inside(strings.Split(pattern, "."), strings.Split(p.name, ".")) {
			p.frozen, found = frozen, true
		}
	}
	if !found {
		return fmt.Errorf("graph: %s(%s): %w", call, pattern, nearest.Unknown("parameter", pattern, kinds(ps.Names())))
	}
	return nil
}

// SetFrozen freezes this parameter alone, or lets it learn again; see [Params.Freeze].
func (p *Param) SetFrozen(frozen bool) { p.frozen = frozen }

// Frozen tells whether the parameter stays as it is, as one of [Scope.Buffer] always does.
func (p *Param) Frozen() bool { return p.frozen || p.buffer }

// Trainable returns the parameters that are not frozen, in the order of their declaration.
func (ps *Params) Trainable() []*Param { return learned(ps.All()) }
