package layers

import "fmt"

// Dims are the sizes that every GPT has.
type Dims struct {
	Vocab   int // tokens
	Context int // positions that a sequence may have
	Width   int // of the residual stream, C
	Layers  int // blocks
	Heads   int // per attention layer; they divide Width
}

// Validate tells what is wrong with the sizes, or nil.
func (d Dims) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"vocabulary", d.Vocab}, {"context", d.Context}, {"width", d.Width}, {"number of layers", d.Layers}, {"number of heads", d.Heads}} {
		if f.value < 1 {
			return fmt.Errorf("the %s is %d, want 1 or more", f.name, f.value)
		}
	}
	if d.Width%d.Heads != 0 {
		return fmt.Errorf("width %d is not a multiple of %d heads", d.Width, d.Heads)
	}
	return nil
}
