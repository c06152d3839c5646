// Package optional finds the interfaces that a value has beside the one it was handed over as.
package optional

// Hidden, where it is set, points target to the interface of that type which v hides: the kernel of
// the notebooks passes a value of a cell's type on as a proxy with the methods of one interface only.
var Hidden func(v, target any) bool

// As returns v as a T, by its own methods or by those it hides.
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
