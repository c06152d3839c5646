package graph

import (
	"reflect"

	"gorgonia.org/tensor"
)

// EditSettings changes the settings that constructors of layers are given: f is called for those of type S of
// every layer whose path matches pattern, as in [Wrap], including layers that an edit declares. Several such
// edits are applied in order. An empty pattern means all layers with such settings, of which there may be none.
// name is how errors and [Edits] call the edit.
//
// Packages of layers wrap it for their types, as layers.EditAttention does.
func EditSettings[S any](name, pattern string, f func(settings *S)) Option {
	if pattern != "" {
		name += "(" + pattern + ")"
	}
	return func(b *builder) {
		b.edits = append(b.edits, &edit{call: name, pattern: pattern, settings: f, matched: pattern == ""})
	}
}

// Settings returns the settings that a constructor was given for the layer at this scope, as changed by edits.
// The constructor should begin with it. A panic of an edit becomes an error that names the layer.
func Settings[S any](s *Scope, given S) S {
	kind := reflect.TypeFor[func(*S)]()
	s.settable[kind] = append(s.settable[kind], s.path)
	for _, e := range s.edits {
		if f, ok := e.settings.(func(*S)); ok && (e.pattern == "" || matches(e.pattern, s.path)) {
			e.matched = true
			if panicked := guarded(func() { f(&given) }); panicked != "" {
				s.Fail(e.call, tensor.Shape{1}, "it panicked: %s", panicked)
			}
		}
	}
	return given
}

// guarded calls f and returns the text of its panic, if there was one. An edit is the user's code, perhaps in a
// notebook, and its panic is reported like any other error.
func guarded(f func()) (panicked string) {
	defer func() {
		if r := recover(); r != nil {
			panicked = oneLine(r)
		}
	}()
	f()
	return ""
}
