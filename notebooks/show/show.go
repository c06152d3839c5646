package show

import (
	"bytes"
	"fmt"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// Output is something to display.
type Output struct {
	mime, text string
	data       any
}

// Render returns the output by MIME type. gophernotes calls it.
func (o Output) Render() struct{ Data, Metadata, Transient map[string]any } {
	return struct{ Data, Metadata, Transient map[string]any }{
		Data: map[string]any{"text/plain": o.text, o.mime: o.data},
	}
}

// PNG shows a picture. An error fails the cell.
func PNG(png []byte, err error) Output { return newOutput("image/png", "[PNG picture]", png, err) }

// SVG shows a drawing. An error fails the cell.
func SVG(svg []byte, err error) Output {
	// An XML declaration, such as dot writes, is an error within HTML.
	if i := bytes.Index(svg, []byte("<svg")); i > 0 {
		svg = svg[i:]
	}
	return newOutput("image/svg+xml", "[SVG picture]", string(svg), err)
}

// HTML shows a piece of HTML.
func HTML(html string) Output { return newOutput("text/html", "[HTML]", html, nil) }

// newOutput panics on an error, which makes a cell fail on either kernel.
func newOutput(mime, text string, data any, err error) Output {
	if err != nil {
		panic(err)
	}
	if gonbui.IsNotebook {
		gonbui.SendData(&protocol.DisplayData{Data: map[protocol.MIMEType]any{
			protocol.MIMEType(mime): data, protocol.MIMETextPlain: text,
		}})
		gonbui.Sync()
		if err := gonbui.Error(); err != nil {
			panic(fmt.Errorf("show: %w", err))
		}
	}
	return Output{mime, text, data}
}
