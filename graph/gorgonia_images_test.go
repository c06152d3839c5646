package graph_test

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// grid describes a window that moves over an image: kernel size, padding, stride and dilation.
type grid struct{ kh, kw, ph, pw, sh, sw, dh, dw int }

// over moves the window over images (B, C, H, W) and returns f of its contents at each of the (H', W')
// positions. Elements outside the image are NaN.
func over(x array, g grid, f func(b, c int, window []float64) float64) array {
	b, c, h, w := x.shape[0], x.shape[1], x.shape[2], x.shape[3]
	oh := (h+2*g.ph-g.dh*(g.kh-1)-1)/g.sh + 1
	ow := (w+2*g.pw-g.dw*(g.kw-1)-1)/g.sw + 1
	out := arr([]int{b, c, oh, ow}, 0)
	for i := range out.data {
		at := i / (oh * ow)
		var window []float64
		for j := range g.kh * g.kw {
			row, col := i/ow%oh*g.sh-g.ph+j/g.kw*g.dh, i%ow*g.sw-g.pw+j%g.kw*g.dw
			v := math.NaN()
			if row >= 0 && row < h && col >= 0 && col < w {
				v = x.data[(at*h+row)*w+col]
			}
			window = append(window, v)
		}
		out.data[i] = f(at/c, at%c, window)
	}
	return out
}

// conv2d is the cross-correlation of images (B, C, H, W) with filters (F, C, kh, kw).
func conv2d(x, filter array, g grid) array {
	var out array
	n, c, size := filter.shape[0], filter.shape[1], g.kh*g.kw
	for f := range n {
		one := over(x, g, func(_, c int, window []float64) (sum float64) {
			for j, v := range window {
				if v == v {
					sum += v * filter.data[(f*filter.shape[1]+c)*size+j]
				}
			}
			return sum
		})
		plane := one.shape[2] * one.shape[3]
		if f == 0 {
			out = arr([]int{x.shape[0], n, one.shape[2], one.shape[3]}, 0)
		}
		for i, v := range one.data {
			out.data[(i/plane/c*n+f)*plane+i%plane] += v
		}
	}
	return out
}

func most(_, _ int, window []float64) float64 {
	top := math.Inf(-1)
	for _, v := range window {
		if v > top {
			top = v
		}
	}
	return top
}

// normalized normalizes each group of elements to mean 0 and variance 1.
func normalized(x array, epsilon float64, group func(i int) int) array {
	sums, squares, counts := map[int]float64{}, map[int]float64{}, map[int]float64{}
	for i, v := range x.data {
		sums[group(i)] += v
		counts[group(i)]++
	}
	for i, v := range x.data {
		d := v - sums[group(i)]/counts[group(i)]
		squares[group(i)] += d * d
	}
	out := arr(x.shape, 0)
	for i, v := range x.data {
		g := group(i)
		out.data[i] = (v - sums[g]/counts[g]) / math.Sqrt(squares[g]/counts[g]+epsilon)
	}
	return out
}

// imageUses returns the uses of functions for images, and of others that take more than nodes.
func imageUses() (uses []usage) {
	add := func(more ...usage) { uses = append(uses, more...) }
	image := arr([]int{2, 2, 4, 5}, .5, -1.5, 2, .25, 3, -.75, 1.25, -2, .1, 1.75, -.3, .9, 1.1, -.6, .35, 2.3, -1.1)
	filter := arr([]int{3, 2, 2, 3}, .3, -.2, .7, 1.1, -.9, .4, .6)
	for _, g := range []grid{{2, 3, 0, 0, 1, 1, 1, 1}, {2, 3, 1, 1, 1, 1, 1, 1}, {2, 3, 0, 1, 2, 2, 1, 1}, {2, 3, 1, 2, 1, 1, 2, 2}} {
		add(usage{name: "Conv2d", how: fmt.Sprint(g), in: []array{image, filter},
			call: two(func(x, f *G.Node) (*G.Node, error) {
				return G.Conv2d(x, f, tensor.Shape{g.kh, g.kw}, []int{g.ph, g.pw}, []int{g.sh, g.sw}, []int{g.dh, g.dw})
			}),
			want: func(in []array) array { return conv2d(in[0], in[1], g) }})
		add(usage{name: "Im2Col", how: fmt.Sprint(g), in: []array{image},
			call: one(func(x *G.Node) (*G.Node, error) {
				return G.Im2Col(x, tensor.Shape{g.kh, g.kw}, tensor.Shape{g.ph, g.pw}, tensor.Shape{g.sh, g.sw}, tensor.Shape{g.dh, g.dw})
			}),
			want: func(in []array) array { return columns(in[0], g) }})
	}
	for _, g := range []grid{{1, 3, 0, 0, 1, 1, 1, 1}, {1, 3, 0, 1, 1, 2, 1, 1}} {
		add(usage{name: "Conv1d", how: fmt.Sprint(g), in: []array{arr([]int{2, 2, 1, 5}, image.data...), arr([]int{2, 2, 1, 3}, filter.data...)},
			call: two(func(x, f *G.Node) (*G.Node, error) { return G.Conv1d(x, f, 3, g.pw, g.sw, 1) }),
			want: func(in []array) array { return conv2d(in[0], in[1], g) }})
		add(usage{name: "MaxPool1D", err: "cannot be told from", how: fmt.Sprint(g), in: []array{arr([]int{2, 2, 1, 5}, image.data...)},
			call: one(func(x *G.Node) (*G.Node, error) { return G.MaxPool1D(x, 3, g.pw, g.sw) }),
			want: func(in []array) array { return over(in[0], g, most) }})
		add(usage{name: "AveragePool1D", err: "cannot be told from", how: fmt.Sprint(g), in: []array{arr([]int{2, 2, 1, 5}, image.data...)},
			call: one(func(x *G.Node) (*G.Node, error) { return G.AveragePool1D(x, 3, g.pw, g.sw) }),
			want: func(in []array) array { return over(in[0], g, average) }})
	}
	for _, g := range []grid{{2, 1, 0, 0, 1, 1, 1, 1}, {2, 2, 0, 0, 1, 1, 1, 1}, {2, 2, 0, 0, 2, 2, 1, 1}, {3, 3, 1, 1, 1, 1, 1, 1}, {2, 3, 1, 1, 2, 1, 1, 1}} {
		add(usage{name: "MaxPool2D", how: fmt.Sprint(g), in: []array{image},
			call: one(func(x *G.Node) (*G.Node, error) {
				return G.MaxPool2D(x, tensor.Shape{g.kh, g.kw}, []int{g.ph, g.pw}, []int{g.sh, g.sw})
			}),
			want: func(in []array) array { return over(in[0], g, most) }})
		add(usage{name: "AveragePool2D", err: "it divides by a number other than the window's size", how: fmt.Sprint(g), in: []array{image},
			call: one(func(x *G.Node) (*G.Node, error) {
				return G.AveragePool2D(x, tensor.Shape{g.kh, g.kw}, []int{g.ph, g.pw}, []int{g.sh, g.sw})
			}),
			want: func(in []array) array { return over(in[0], g, average) }})
	}
	add(usage{name: "GlobalAveragePool2D", err: "it has no gradient", in: []array{image}, call: one(G.GlobalAveragePool2D),
		want: func(in []array) array {
			out := reduced(in[0], []int{2, 3}, func(x []float64) float64 { return sum(x) / float64(len(x)) })
			out.shape = append(out.shape, 1, 1)
			return out
		}})
	for scale := 1; scale <= 3; scale++ {
		add(usage{name: "Upsample2D", how: fmt.Sprint(scale), in: []array{image},
			call: one(func(x *G.Node) (*G.Node, error) { return G.Upsample2D(x, scale) }),
			want: func(in []array) array {
				h, w := in[0].shape[2], in[0].shape[3]
				out := arr([]int{2, 2, h * scale, w * scale}, 0)
				for i := range out.data {
					row, col, plane := i/(w*scale)%(h*scale)/scale, i%(w*scale)/scale, i/(w*scale*h*scale)
					out.data[i] = in[0].data[(plane*h+row)*w+col]
				}
				return out
			}})
	}
	affine := func(x, scale, bias array) array {
		x = zipped(x, scale, func(a, b float64) float64 { return a * b })
		return zipped(x, bias, func(a, b float64) float64 { return a + b })
	}
	add(usage{name: "GroupNorm", in: []array{arr([]int{2, 4, 2, 2}, image.data...), arr([]int{1, 4, 1, 1}, others...), arr([]int{1, 4, 1, 1}, values...)},
		call: func(in G.Nodes) (*G.Node, error) { return G.GroupNorm(in[0], in[1], in[2], 2, 4, 1e-5) },
		want: func(in []array) array {
			return affine(normalized(in[0], 1e-5, func(i int) int { return i / 8 }), in[1], in[2])
		}})
	for _, shape := range [][]int{{4, 3}, {3, 2, 2, 2}} {
		small := append([]int{1, shape[1]}, []int{1, 1}[:len(shape)-2]...)
		inner := 1
		for _, d := range shape[2:] {
			inner *= d
		}
		add(usage{name: "BatchNorm", in: []array{arr(shape, image.data...), arr(small, others...), arr(small, values...)},
			call: func(in G.Nodes) (*G.Node, error) {
				y, _, _, _, err := G.BatchNorm(in[0], in[1], in[2], .9, 1e-5)
				return y, err
			},
			want: func(in []array) array {
				return affine(normalized(in[0], 1e-5, func(i int) int { return i / inner % shape[1] }), in[1], in[2])
			}})
	}
	for _, c := range []struct {
		shape []int
		axis  int
		ids   []int
	}{{[]int{6}, 0, []int{3, 0, 3, 5}}, {[]int{4, 3}, 0, []int{2, 0, 2}}, {[]int{3, 4}, 1, []int{2, 0, 2}}, {[]int{4, 1}, 0, []int{3, 1, 3}}, {[]int{3, 2, 2}, 0, []int{2, 0}}} {
		problem := ""
		if len(c.shape) == 1 {
			problem = "use ops.Embed"
		}
		add(usage{name: "ByIndices", err: problem, how: fmt.Sprint(c.axis), in: []array{arr(c.shape, values...)}, ids: c.ids,
			call: two(func(x, ids *G.Node) (*G.Node, error) { return G.ByIndices(x, ids, c.axis) }),
			want: func(in []array) array {
				shape := append([]int(nil), c.shape...)
				shape[c.axis] = len(c.ids)
				out := arr(shape, 0)
				inner := 1
				for _, d := range c.shape[c.axis+1:] {
					inner *= d
				}
				for i := range out.data {
					outer, k := i/inner/len(c.ids), c.ids[i/inner%len(c.ids)]
					out.data[i] = in[0].data[(outer*c.shape[c.axis]+k)*inner+i%inner]
				}
				return out
			}})
	}
	return uses
}

func average(_, _ int, window []float64) float64 {
	total := 0.0
	for _, v := range window {
		if v == v {
			total += v
		}
	}
	return total / float64(len(window))
}

// columns returns the contents of each window as a row: (B, H', W', C·kh·kw).
func columns(x array, g grid) array {
	c, size := x.shape[1], g.kh*g.kw
	var out array
	for j := range size {
		one := over(x, g, func(_, _ int, window []float64) float64 {
			if window[j] != window[j] {
				return 0
			}
			return window[j]
		})
		plane := one.shape[2] * one.shape[3]
		if j == 0 {
			out = arr([]int{x.shape[0], one.shape[2], one.shape[3], c * size}, 0)
		}
		for i, v := range one.data {
			b, channel := i/plane/c, i/plane%c
			out.data[(b*plane+i%plane)*c*size+channel*size+j] = v
		}
	}
	return out
}
