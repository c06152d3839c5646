package chart

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

var gridColor = color.NRGBA{R: 0xe4, G: 0xe4, B: 0xe4, A: 0xff}

// palette is Okabe and Ito's, whose colors color-blind people can tell apart.
var palette = [Colors]color.NRGBA{
	{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, {R: 0xd5, G: 0x5e, B: 0x00, A: 0xff},
	{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, {R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
	{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff}, {R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
	{A: 0xff},
}

// Colors is the number of colors for series. From that number on, colors repeat, with dashes.
const Colors = 7

// dashes are the lengths, in points, of strokes and gaps, for each repetition of the colors; the
// first time, lines are solid.
var dashes = [][]vg.Length{nil, {5, 3}, {1.5, 2}, {7, 2, 1.5, 2}}

// dash returns the dash pattern of the i-th color.
func dash(i int) []vg.Length { return dashes[max(0, i/Colors)%len(dashes)] }

// paletteColor returns the i-th color, counting from 0 and wrapping around.
func paletteColor(i int) color.NRGBA { return palette[(i%Colors+Colors)%Colors] }

// ticks makes four to nine labeled marks, at multiples of 1, 2 or 5 times a power of ten.
type ticks struct{}

func (ticks) Ticks(low, high float64) []plot.Tick {
	if !(high > low) {
		return []plot.Tick{{Value: low, Label: strconv.FormatFloat(low, 'g', 4, 64)}}
	}
	digits := int(math.Floor(math.Log10((high - low) / 4)))
	step := math.Pow10(digits)
	for _, m := range []float64{5, 2} {
		if (high-low)/(m*step) >= 4 {
			step *= m
			break
		}
	}
	var out []plot.Tick
	for i := math.Ceil(low / step); i*step <= high; i++ {
		out = append(out, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step, 'f', max(0, -digits), 64)})
	}
	return out
}
