package graph

import (
	"reflect"

	"gorgonia.org/tensor"
)

// EditSettings changes the settings that constructors of layers are given: f gets those of type S of
// every layer whose path matches pattern, as in [Wrap], also of one that an edit declares. Several change them one after
// the other. An empty pattern stands for all layers of such settings, of which there may be none. In errors, and in what [Edits] lists, it is called name.
//
// Packages of layers offer it by type, as layers.EditAttention does.
func EditSettings[S any](name, pattern string, f func(settings *S)) Option {
	if pattern != "" {
		name += "(" + pattern + ")"
	}
	return func(b *builder) {
		b.edits = append(b.edits, &edit{call: name, pattern: pattern, settings: f, matched: pattern == ""})
	}
}

// Settings are those that a constructor was given for the layer at this scope, as edits change
// them. The constructor begins with it. A panic of an edit is an error that names the layer.
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

// guarded calls f and returns the text of its panic, if there was one: an edit is the user's, in a
// notebook perhaps, and its panic is an error like others.
func guarded(f func()) (panicked string) {
	defer func() {
		if r := recover(); r != nil {
			panicked = oneLine(r)
		}
	}()
	f()
	return ""
}
