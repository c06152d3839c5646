package draw

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
)

const labelSize = 9.0

// palette holds the colors of boxes: fill and stroke.
var palette = map[string][2]string{
	"layer":    {"#e3edfb", "#4a78b8"},
	"gradient": {"#fdeeda", "#cf7d22"},
	"input":    {"#f2f2f2", "#888888"},
	"param":    {"#dff2e3", "#2f8a4a"},
	"same":     {"#f6f6f6", "#b5b5b5"},
	"added":    {"#d5f2d9", "#1f8a3b"},
	"removed":  {"#fbdcdc", "#c43c3c"},
	"changed":  {"#fdf0c2", "#b98900"},
}

var lineColors = map[string]string{"forward": "#4a78b8", "gradient": "#cf7d22", "saved": "#a9a9a9"}

// class returns the name of a box's colors.
func (b *box) class() string {
	switch {
	case b.status != unknown:
		return b.status.String()
	case b.kind == input:
		return "input"
	case b.kind == param:
		return "param"
	case b.grad:
		return "gradient"
	}
	return "layer"
}

// num formats a coordinate.
func num(x float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(x, 'f', 1, 64), "0"), ".")
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

// canvas collects an SVG.
type canvas struct {
	bytes.Buffer
	width, height float64
	marked        bool
	side          string // which of two graphs, in marks: "0" before, "1" after
}

// document wraps what was drawn into an SVG document.
func (c *canvas) document() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %[1]s %[2]s" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace">
<rect width="100%%" height="100%%" fill="white"/>
`, num(c.width), num(c.height))
	out.Write(c.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (c *canvas) text(x, y, size float64, attributes, s string) {
	fmt.Fprintf(c, `<text x="%s" y="%s" font-size="%s"%s>%s</text>`+"\n", num(x), num(y), num(size), attributes, escape(s))
}

// legend draws the title and the meaning of the colors, and returns its width.
func (c *canvas) legend(title string, classes []string, names map[string]string) float64 {
	x := 12.0
	if title != "" {
		c.text(x, 21, 14, ` font-weight="bold"`, title)
		x += textWidth(title, 14) + 20
	}
	for _, class := range classes {
		color := palette[class]
		fmt.Fprintf(c, `<rect%s x="%s" y="11" width="14" height="12" rx="2" fill="%s" stroke="%s"/>`+"\n", c.class("swatch", class), num(x), color[0], color[1])
		c.text(x+19, 21, smallSize, ` fill="#444"`, names[class])
		x += 19 + textWidth(names[class], smallSize) + 16
	}
	return x
}

// paint draws lines, then boxes over the ends of the lines, then labels.
func (c *canvas) paint(d *drawing, g *grouping) {
	for _, l := range d.lines {
		color := lineColors[l.style]
		fmt.Fprintf(c, `<path%s d="%s" fill="none" stroke="%s" stroke-width="%s">`, c.class("line", l.style), pathOf(l.points), color, map[bool]string{true: "0.9", false: "1.3"}[l.style == "saved"])
		if l.hover != "" {
			fmt.Fprintf(c, "<title>%s</title>", escape(l.hover))
		}
		c.WriteString("</path>\n")
		if l.head {
			fmt.Fprintf(c, `<path%s d="%s" fill="%s"/>`+"\n", c.class("head", l.style), headOf(l.points), color)
		}
	}
	for _, b := range d.boxes {
		c.box(b, g)
	}
	for _, l := range d.labels {
		c.text(l.x, l.y, labelSize, fmt.Sprintf(` fill="%s"`, map[bool]string{true: "#777", false: "#333"}[l.style == "saved"]), l.text)
	}
}

func (c *canvas) box(b *box, g *grouping) {
	color := palette[b.class()]
	round := "3"
	if b.kind != layer {
		round = num(min(b.h, boxHeight) / 2)
	}
	dash := ""
	if b.status == removed {
		dash = ` stroke-dasharray="4 3"`
	}
	fmt.Fprintf(c, `<g%s><title>%s</title><rect x="%s" y="%s" width="%s" height="%s" rx="%s" fill="%s" stroke="%s"%s/>`+"\n",
		c.marks(b), escape(b.hover(g)), num(b.x), num(b.y), num(b.w), num(b.h), round, color[0], color[1], dash)
	if b.alike.blocks > 1 {
		fmt.Fprintf(c, `<path d="M%s %sv%sM%s %[2]sv%[3]s" stroke="%s"/>`+"\n", num(b.x+3), num(b.y), num(b.h), num(b.x+b.w-3), color[1])
	}
	base := b.y + b.h/2 + 4
	c.text(b.x+padding, base, titleSize, ` font-weight="bold"`, b.title())
	if detail := b.detailOf(g); detail != "" {
		c.text(b.x+2.5*padding+textWidth(b.title(), titleSize), base, smallSize, ` fill="#555"`, detail)
	}
	if figures := b.figures(); figures != "" {
		c.text(b.x+b.w-padding, base, smallSize, ` text-anchor="end" fill="#222"`, figures)
	}
	c.WriteString("</g>\n")
}

// class returns a class attribute for a page's style, in a marked picture.
func (c *canvas) class(names ...string) string {
	if !c.marked {
		return ""
	}
	return fmt.Sprintf(` class="%s"`, strings.Join(names, " "))
}

// marks returns the attributes of a box in a marked picture.
func (c *canvas) marks(b *box) string {
	if !c.marked {
		return ""
	}
	ids := make([]string, len(b.nodes))
	for i, id := range b.nodes {
		ids[i] = strconv.Itoa(id)
	}
	scope, _, _ := strings.Cut(b.key, " … ")
	marks := c.class("box", b.class()) + fmt.Sprintf(` data-scope="%s" data-nodes="%s"`, escape(scope), strings.Join(ids, ","))
	if c.side != "" {
		marks += fmt.Sprintf(` data-graph="%s"`, c.side)
	}
	return marks
}

// detailOf returns the box's detail.
func (b *box) detailOf(g *grouping) string { return b.detail(g.shapeOf) }

// hover lists the nodes of a box.
func (b *box) hover(g *grouping) string {
	var lines []string
	for _, id := range b.nodes {
		n := g.nodes[id]
		lines = append(lines, fmt.Sprintf("%s  %s  %s", n.Path, n.Op, shapeText(n.Shape)))
	}
	return strings.Join(lines, "\n")
}

func pathOf(points [][2]float64) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + num(p[0]) + " " + num(p[1]))
	}
	return b.String()
}

// headOf returns the path of an arrowhead.
func headOf(points [][2]float64) string {
	a, b := points[len(points)-2], points[len(points)-1]
	const length, half = 6, 3
	switch {
	case a[1] < b[1]:
		return fmt.Sprintf("M%s %sl%d %dh%dZ", num(b[0]), num(b[1]), half, -length, -2*half)
	case a[1] > b[1]:
		return fmt.Sprintf("M%s %sl%d %dh%dZ", num(b[0]), num(b[1]), half, length, -2*half)
	case a[0] < b[0]:
		return fmt.Sprintf("M%s %sl%d %dv%dZ", num(b[0]), num(b[1]), -length, half, -2*half)
	}
	return fmt.Sprintf("M%s %sl%d %dv%dZ", num(b[0]), num(b[1]), length, half, -2*half)
}
