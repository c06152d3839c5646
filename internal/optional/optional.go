// Package optional finds interfaces that a value implements in addition to the one as which it was passed.
package optional

// Hidden, if set, stores the value that v hides in target, a pointer to an interface type, if that value
// implements the interface. The notebook kernel needs it: it passes values of types that are declared in cells as
// proxies with the methods of a single interface.
var Hidden func(v, target any) bool

// As returns v as a T, if v or the value that it hides implements T.
func As[T any](v any) (T, bool) {
	if t, ok := v.(T); ok {
		return t, true
	}
	var t T
	if v != nil && Hidden != nil && Hidden(v, &t) {
		return t, true
	}
	var none T
	return none, false
}
