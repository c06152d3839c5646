package chart_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/chart"
)

// pictures returns a picture of each kind.
func pictures() map[string]*chart.Picture {
	curve := func(level float64) []float64 {
		var y []float64
		for i := range 300 {
			y = append(y, level+2*math.Exp(-float64(i)/60)+0.1*math.Sin(float64(i*i)))
		}
		return y
	}
	weights := make([]float32, 2000)
	for i := range weights {
		weights[i] = float32(math.Sin(float64(i*i)) * 0.1)
	}
	tokens := strings.Fields("The cat sat on the mat , and so on")
	var heads []chart.Grid
	for h := range 6 {
		g := chart.Grid{Title: "head " + string(rune('0'+h)), Rows: 10, Cols: 10, RowNames: tokens, ColNames: tokens}
		for r := range 10 {
			for c := range 10 {
				v := 0.0
				if c <= r {
					v = math.Exp(-float64((r-c)*h)/5) / float64(r+1)
				}
				g.Values = append(g.Values, float32(v))
			}
		}
		heads = append(heads, g)
	}
	signed := chart.Grid{Title: "signed", Rows: 2, Cols: 3, Values: []float32{-2, -1, 0, 1, 2, float32(math.NaN())}}
	all := map[string]*chart.Picture{
		"lines": chart.Lines(chart.Axes{Title: "two activations", X: "step", Y: "loss"},
			chart.Series{Name: "GELU", Y: curve(1.5)}, chart.Series{Name: "ReLU", Y: curve(1.7), Smooth: true}),
		"bars": chart.Bars(chart.Axes{Y: "probability"}, []string{"the", "a", "cat", "mat", "elephant", "of", "on"},
			chart.Set{Name: "T = 1", Values: []float32{0.4, 0.2, 0.15, 0.1, 0.05, 0.05, 0.05}},
			chart.Set{Name: "T = 0.5", Values: []float32{0.7, 0.17, 0.08, 0.03, 0.01, 0.005, 0.005}}),
		"histogram": chart.Histogram(chart.Axes{X: "weight", Y: "share"}, 40, chart.Set{Name: "c_fc", Values: weights}, chart.Set{Name: "c_proj", Values: weights[:300]}),
		"heatmaps":  chart.Heatmaps("h.3.attn", heads...),
		"signed":    chart.Heatmaps("", signed),
		"confusion": chart.Confusion("76 of 92 are right", []string{"crypto", "go", "math", "net"}, [][]int{{30, 0, 4, 2}, {1, 25, 3, 0}, {0, 1, 12, 0}, {5, 0, 0, 9}}),
		"upright":   chart.Confusion("", []string{"entertainment", "sport", "world news of all kinds"}, [][]int{{1200, 7, 30}, {0, 0, 0}, {45, 0, 10_000}}),
	}
	if os.Getenv("GORGPT_CHARTS") == "" {
		for _, name := range []string{"lines", "bars", "histogram"} {
			all[name].Width, all[name].Height = 300, 200 // small ones are quick
		}
	}
	return all
}

// TestPictures: every kind of chart is written as PNG and as SVG, in the size it states, with more
// than one color, and the same bytes each time.
func TestPictures(t *testing.T) {
	again := pictures()
	for name, p := range pictures() {
		data, err := p.PNG()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b := img.Bounds(); b.Dx() != p.Width || b.Dy() != p.Height {
			t.Errorf("%s: %v, want %d×%d", name, b, p.Width, p.Height)
		}
		if n := colorsOf(img); n < 10 {
			t.Errorf("%s: only %d colours", name, n)
		}
		svg, err := p.SVG()
		if err != nil || !bytes.HasPrefix(svg, []byte("<svg")) {
			t.Errorf("%s: SVG: %v: %.20s", name, err, svg)
		}
		if other, _ := again[name].PNG(); !bytes.Equal(data, other) {
			t.Errorf("%s: another PNG the second time", name)
		}
		if other, _ := again[name].SVG(); !bytes.Equal(svg, other) {
			t.Errorf("%s: another SVG the second time", name)
		}
		if dir := os.Getenv("GORGPT_CHARTS"); dir != "" { // to look at
			if err := p.Save(filepath.Join(dir, name+".png")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func colorsOf(img image.Image) int {
	seen := make(map[color.Color]bool)
	for y := 0; y < img.Bounds().Dy(); y += 2 {
		for x := range img.Bounds().Dx() {
			seen[img.At(x, y)] = true
		}
	}
	return len(seen)
}

// TestHeatmapValues: squares are darker for larger values.
func TestHeatmapValues(t *testing.T) {
	data, err := chart.Heatmaps("", chart.Grid{Rows: 1, Cols: 3, Values: []float32{0, 0.5, 1}}).PNG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	light := func(square int) uint32 { // squares of 24 pixels, which begin 12 from the left and 30 from the top
		r, _, _, _ := img.At(12+24*square+12, 12+18+12).RGBA()
		return r
	}
	if a, b, c := light(0), light(1), light(2); a != 0xffff || !(a > b && b > c) || c>>8 != 0x08 {
		t.Errorf("red is %x, %x, %x", a, b, c)
	}
}

// TestConfusionValues: a square has its count and is as dark as its share of the row, and recall,
// precision and accuracy are at the ends.
func TestConfusionValues(t *testing.T) {
	p := chart.Confusion("", []string{"a", "b"}, [][]int{{6, 2}, {0, 0}})
	svg, err := p.SVG()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{">6<": 1, ">2<": 1, ">0<": 0, ">75%<": 2, ">100%<": 1, ">0%<": 1, ">–<": 1} {
		if n := strings.Count(string(svg), text); n != want {
			t.Errorf("%s stands there %d times, want %d", text, n, want)
		}
	}
	data, err := p.PNG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	light := func(row, col int) uint32 { // squares of 72 pixels; the three of a row or column end 12 from the edge
		r, _, _, _ := img.At(p.Width-12-72*(3-col)+8, p.Height-12-72*(3-row)+8).RGBA()
		return r
	}
	if a, b, c, d := light(0, 0), light(0, 1), light(1, 0), light(1, 1); !(a < b && b < c) || c != 0xffff || d != 0xffff {
		t.Errorf("red is %x, %x; %x, %x", a, b, c, d)
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	p := chart.Lines(chart.Axes{}, chart.Series{Y: []float64{1, 2}})
	for _, name := range []string{"a.png", "a.svg"} {
		if err := p.Save(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("%d files, want two and nothing besides", len(files))
	}
	if err := p.Save("a.jpg"); err == nil || err.Error() != "chart: a.jpg: want a name that ends in .png or .svg" {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	nan := math.NaN()
	small := chart.Lines(chart.Axes{}, chart.Series{Y: []float64{1, 2}})
	small.Width = 10
	for _, c := range []struct {
		picture *chart.Picture
		want    string
	}{
		{small, "chart: a picture of 10×600 pixels; want 50 to 20000"},
		{chart.Lines(chart.Axes{}), "chart: Lines: no series has a finite point"},
		{chart.Lines(chart.Axes{}, chart.Series{Y: []float64{nan, math.Inf(1)}}), "chart: Lines: no series has a finite point"},
		{chart.Lines(chart.Axes{}, chart.Series{Name: "a", X: []float64{1}, Y: []float64{1, 2}}), `chart: "a" has 1 values of x and 2 of y`},
		{chart.Bars(chart.Axes{}, nil), "chart: Bars: 0 names and 0 sets; want one or more of each"},
		{chart.Bars(chart.Axes{}, []string{"x"}, chart.Set{Name: "a"}), `chart: Bars: "a" has 0 values for 1 names`},
		{chart.Bars(chart.Axes{}, []string{"x"}, chart.Set{Name: "a", Values: []float32{float32(nan)}}), `chart: Bars: the value of "x" in "a" is NaN; want a finite number`},
		{chart.Histogram(chart.Axes{}, 0), "chart: Histogram: 0 bins and 0 sets; want one or more of each"},
		{chart.Histogram(chart.Axes{}, 3, chart.Set{Name: "a"}), `chart: Histogram: "a" has no values`},
		{chart.Histogram(chart.Axes{}, 3, chart.Set{Name: "a", Values: []float32{1, float32(math.Inf(1))}}), `chart: Histogram: value 1 of "a" is +Inf; want a finite number`},
		{chart.Heatmaps(""), "chart: Heatmaps: no grids"},
		{chart.Heatmaps("", chart.Grid{Title: "a", Rows: 2, Cols: 2, Values: make([]float32, 3)}), `chart: Heatmaps: "a" has 3 values for 2 rows of 2`},
		{chart.Heatmaps("", chart.Grid{Title: "a", Rows: 1, Cols: 1, Values: make([]float32, 1), RowNames: []string{"x", "y"}}), `chart: Heatmaps: "a" has 2 names for 1 rows`},
		{chart.Confusion("", nil, nil), "chart: Confusion: 0 names and 0 rows; want the same number of both, 1 or more"},
		{chart.Confusion("", []string{"a"}, [][]int{{1}, {2}}), "chart: Confusion: 1 names and 2 rows; want the same number of both, 1 or more"},
		{chart.Confusion("", []string{"a"}, [][]int{{1, 2}}), `chart: Confusion: row "a" has 2 counts for 1 names`},
		{chart.Confusion("", []string{"a", "b"}, [][]int{{1, -2}, {0, 0}}), `chart: Confusion: row "a", column "b" is -2`},
	} {
		if _, err := c.picture.PNG(); err == nil || err.Error() != c.want {
			t.Errorf("%v\nwant %s", err, c.want)
		}
		if _, err := c.picture.SVG(); err == nil {
			t.Errorf("SVG: no error, want %s", c.want)
		}
	}
}

// TestDashes: when colors repeat, lines are dashed, differently each time.
func TestDashes(t *testing.T) {
	lines := func(n int) string {
		var all []chart.Series
		for i := range n {
			all = append(all, chart.Series{Name: "run", Y: []float64{1, float64(i)}, Color: i})
		}
		svg, err := chart.Lines(chart.Axes{}, all...).SVG()
		if err != nil {
			t.Fatal(err)
		}
		return string(svg)
	}
	const mark = "stroke-dasharray:"
	if n := strings.Count(lines(chart.Colors), mark); n != 0 {
		t.Errorf("%d dashes for as many lines as there are colours", n)
	}
	patterns := make(map[string]bool)
	for _, part := range strings.Split(lines(4*chart.Colors), mark)[1:] {
		pattern, _, _ := strings.Cut(part, ";")
		pattern, _, _ = strings.Cut(pattern, "\"")
		patterns[pattern] = true
	}
	if len(patterns) != 3 {
		t.Errorf("%d kinds of dashes for four rounds of colours, want 3: %v", len(patterns), patterns)
	}
}

// TestLegend: the legend is on the right, or on the left if asked for.
func TestLegend(t *testing.T) {
	for left, on := range map[bool][2]float64{false: {600, 675}, true: {50, 100}} { // of 675 points of width
		svg, err := chart.Lines(chart.Axes{Left: left}, chart.Series{Name: "climbs", Y: []float64{1, 2}}).SVG()
		if err != nil {
			t.Fatal(err)
		}
		before, _, found := strings.Cut(string(svg), ">climbs<")
		_, place, _ := strings.Cut(before[strings.LastIndex(before, "<text"):], `x="`)
		var x float64
		if _, err := fmt.Sscan(place[:strings.Index(place, `"`)], &x); !found || err != nil || x < on[0] || x > on[1] {
			t.Errorf("left %v: the legend is at %g of 675, want %v: %v", left, x, on, err)
		}
	}
}

// TestManyHeatmaps: the loads of 256 experts in 61 layers fit into a picture, but not with names.
func TestManyHeatmaps(t *testing.T) {
	var grids []chart.Grid
	for range 61 {
		g := chart.Grid{Title: "load", Rows: 256, Cols: 20, Values: make([]float32, 256*20)}
		for r := range g.Rows {
			g.RowNames = append(g.RowNames, fmt.Sprint(r))
		}
		grids = append(grids, g)
	}
	if err := chart.Heatmaps("load", grids...).Save(filepath.Join(t.TempDir(), "load.png")); err != nil {
		t.Error(err)
	}
	if grids[0].RowNames == nil {
		t.Error("the caller's names are gone")
	}
}
