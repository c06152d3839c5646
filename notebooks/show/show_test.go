package show_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gorgpt/gorgpt/notebooks/show"
)

func ExampleSVG() {
	circle := func() ([]byte, error) {
		return []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>`), nil
	}
	fmt.Println(show.SVG(circle()).Render().Data["image/svg+xml"])
	// Output: <svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>
}

func ExamplePNG() {
	fmt.Println(show.PNG([]byte("\x89PNG"), nil).Render().Data["text/plain"])
	// Output: [PNG picture]
}

func ExampleHTML() {
	fmt.Println(show.HTML("<b>loss 1.84</b>").Render().Data["text/html"])
	// Output: <b>loss 1.84</b>
}

func ExampleOutput_Render() {
	data := show.HTML("<hr>").Render().Data
	fmt.Println(len(data), data["text/plain"])
	// Output: 2 [HTML]
}

// TestError: a drawing that failed fails the cell.
func TestError(t *testing.T) {
	want := errors.New("no nodes")
	defer func() {
		if got := recover(); got != want {
			t.Errorf("recovered %v, want the error", got)
		}
	}()
	show.SVG(nil, want)
}
