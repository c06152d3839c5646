package draw

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"gorgonia.org/tensor"
)

// The fonts are monospaced, so that the width of a text is known without the font: 0.602 of the size per
// character in all common ones.
const (
	titleSize, smallSize = 12.0, 10.0
	advance              = 0.61
)

func textWidth(s string, size float64) float64 {
	return advance * size * float64(utf8.RuneCountInString(s))
}

// title, detail and figures return the three texts of a box.
func (b *box) title() string {
	switch {
	case b.single && b.key == "":
		return b.ops[0]
	case b.key == "":
		return "(top)"
	}
	if b.grad {
		return "∂ " + b.key
	}
	return b.key
}

// longestDetail is the length above which the ops of a box are counted instead of listed.
const longestDetail = 34

func (b *box) detail(shapes func(id int) tensor.Shape) string {
	switch {
	case b.kind != layer:
		return shapeText(shapes(b.nodes[0]))
	case b.alike.kinds > 1:
		return fmt.Sprintf("%d of %d kinds", b.alike.blocks, b.alike.kinds)
	case b.alike.blocks > 1:
		return fmt.Sprintf("%d alike", b.alike.blocks)
	case b.single && b.key == "":
		return ""
	}
	list := strings.Join(b.ops, " ")
	if utf8.RuneCountInString(list) > longestDetail {
		return fmt.Sprintf("%d nodes", len(b.ops))
	}
	return list
}

func (b *box) figures() string {
	var parts []string
	if b.params > 0 {
		number, prefix := short(b.params)
		weights := number + prefix + " weights"
		if b.active != b.params {
			number, prefix := short(b.active)
			weights += ", " + number + prefix + " active"
		}
		parts = append(parts, weights)
	}
	if b.flops > 0 {
		number, prefix := short(b.flops)
		parts = append(parts, number+" "+prefix+"FLOP")
	}
	return strings.Join(parts, " · ")
}

// short formats a number with at most three digits, and returns the prefix of its magnitude.
func short(n int64) (number, prefix string) {
	x := float64(n)
	for _, p := range []string{"k", "M", "G", "T", "P"} {
		if x < 999.5 {
			break
		}
		x, prefix = x/1000, p
	}
	switch {
	case prefix == "":
		return fmt.Sprint(n), ""
	case x < 9.995:
		return fmt.Sprintf("%.2f", x), prefix
	case x < 99.95:
		return fmt.Sprintf("%.1f", x), prefix
	}
	return fmt.Sprintf("%.0f", x), prefix
}

// shapeText formats a shape as 64×128.
func shapeText(s tensor.Shape) string {
	if len(s) == 0 {
		return "scalar"
	}
	dims := make([]string, len(s))
	for i, d := range s {
		dims[i] = fmt.Sprint(d)
	}
	return strings.Join(dims, "×")
}
