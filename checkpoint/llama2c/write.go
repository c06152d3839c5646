package llama2c

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// Constants of run.c that are not in the file.
const (
	Epsilon = 1e-5  // added to a mean square
	Theta   = 10000 // the base of the frequencies of rotary positions
)

// Write writes a Llama as a model file of the first form, which run.c reads, in float32. The tensors have
// Hugging Face's names, without "model.", and its shapes and order of rows. A tensor that is missing, has
// another shape or has no place in such a file is an error, and then nothing is written.
func Write(w io.Writer, d Dims, tensors []weights.Tensor) error {
	if err := d.check(); err != nil {
		return err
	}
	named := make(map[string]weights.Tensor, len(tensors))
	for _, x := range tensors {
		named[x.Name] = x
	}
	places, _ := d.places(0, 1)
	for _, p := range places {
		x, ok := named[p.Name]
		switch {
		case !ok:
			return fmt.Errorf("no %s, which llama2.c's Llama requires", p.Name)
		case !slices.Equal(x.Shape, p.Shape) || len(x.Data) != p.Size():
			return fmt.Errorf("%s is %s, want %s", p.Name, weights.ShapeText(x.Shape), weights.ShapeText(p.Shape))
		}
	}
	if len(tensors) != len(places) {
		return fmt.Errorf("%s is not in llama2.c's Llama", weights.Show(further(tensors, places)))
	}
	b := bufio.NewWriterSize(w, 1<<16)
	vocab := d.Vocab
	if !d.Tied {
		vocab = -vocab
	}
	for _, n := range []int{d.Width, d.Inner, d.Layers, d.Heads, d.KVHeads, vocab, d.Context} {
		if err := binary.Write(b, binary.LittleEndian, int32(n)); err != nil {
			return err
		}
	}
	return writeTensors(b, d, places, named)
}

// further returns the name of a tensor that has no place, or that is there twice.
func further(tensors []weights.Tensor, places []place) string {
	known := make(map[string]bool)
	for _, p := range places {
		known[p.Name] = true
	}
	for _, x := range tensors {
		if !known[x.Name] {
			return x.Name
		}
		delete(known, x.Name)
	}
	return ""
}

// writeTensors writes what follows the header.
func writeTensors(b *bufio.Writer, d Dims, places []place, named map[string]weights.Tensor) error {
	var scratch []float32
	for _, p := range places {
		data := named[p.Name].Data
		if p.heads > 0 {
			scratch = slices.Grow(scratch[:0], len(data))[:len(data)]
			weights.Pairs(scratch, data, p.heads, p.Shape[1])
			data = scratch
		}
		if err := weights.Write(b, data, weights.F32); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if p.Name != lastNorm {
			continue
		}
		for _, of := range []func(float64) float64{math.Cos, math.Sin} {
			if err := weights.Write(b, d.angles(of), weights.F32); err != nil {
				return err
			}
		}
	}
	return b.Flush()
}

// angles returns a table (T, D/2) of a function of the angles by which pairs are rotated at each position.
func (d Dims) angles(of func(float64) float64) (table []float32) {
	for t := range d.Context {
		for m := range d.headSize() / 2 {
			table = append(table, float32(of(float64(t)*math.Pow(Theta, -2*float64(m)/float64(d.headSize())))))
		}
	}
	return table
}
