package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A Part is a stream of batches of one window, and its share of a mixture.
type Part struct {
	Stream Stream
	Weight float64 // against the sum of all; above 0
}

// mixStateFormat is the version of a mixture's state.
const mixStateFormat = "gorgpt mixture 1"

// maxMixState bounds the bytes that Restore looks at.
const maxMixState = 1 << 20

// Mix returns a stream of batches of size windows, each from one of the parts, drawn
// by weight: after many windows, each part has given its share of them, whatever
// the sizes of the texts. The draws depend on the seed and the number of the window.
// A mixture ends with the first of its parts that ends, without the batch that this
// leaves unfinished. Close closes the parts, which the caller must leave alone.
func Mix(size int, seed uint64, parts ...Part) (Stream, error) {
	if size < 1 {
		return nil, fmt.Errorf("batch is %d windows, want at least 1", size)
	}
	if len(parts) == 0 {
		return nil, errors.New("a mixture of nothing")
	}
	m := &mixture{size: size, seed: seed, parts: slices.Clone(parts)}
	total := 0.0
	for i, p := range parts {
		if !(p.Weight > 0) || math.IsInf(p.Weight, 0) {
			return nil, fmt.Errorf("weight of part %d is %v, want a number above 0", i, p.Weight)
		}
		total += p.Weight
		m.upTo = append(m.upTo, total)
	}
	return m, nil
}

// mixture is the Stream of Mix.
type mixture struct {
	size  int
	seed  uint64
	parts []Part
	upTo  []float64 // sums of the weights

	taken  uint64 // windows
	batch  Batch
	failed error // the parts could not be taken back after an error
	closed bool
}

// draw returns the part that window n comes from.
func (m *mixture) draw(n uint64) int {
	x := random("mixture", m.seed, n).Float64() * m.upTo[len(m.upTo)-1]
	i, _ := slices.BinarySearchFunc(m.upTo, x, func(sum, x float64) int {
		if sum <= x {
			return -1
		}
		return 1
	})
	return min(i, len(m.parts)-1)
}

// Next implements Stream.
func (m *mixture) Next(ctx context.Context) (Batch, error) {
	switch {
	case m.closed:
		return Batch{}, errClosed
	case m.failed != nil:
		return Batch{}, m.failed
	case ctx.Err() != nil:
		return Batch{}, ctx.Err()
	}
	before, err := m.State()
	if err != nil {
		return Batch{}, err
	}
	m.batch.Tokens, m.batch.Targets = m.batch.Tokens[:0], m.batch.Targets[:0]
	for range m.size {
		if err := m.window(ctx); err != nil {
			if err != io.EOF {
				m.failed = m.Restore(before)
			}
			return Batch{}, err
		}
	}
	m.batch.Size = m.size
	return m.batch, nil
}

// window adds the next window to the batch.
func (m *mixture) window(ctx context.Context) error {
	i := m.draw(m.taken)
	b, err := m.parts[i].Stream.Next(ctx)
	if err != nil {
		return err
	}
	if b.Size != 1 || len(m.batch.Tokens) > 0 && b.Context != m.batch.Context {
		return fmt.Errorf("part %d of the mixture gives batches of (%d, %d), want one window of the same length as the others", i, b.Size, b.Context)
	}
	m.taken++
	m.batch.Context = b.Context
	m.batch.Tokens = append(m.batch.Tokens, b.Tokens...)
	m.batch.Targets = append(m.batch.Targets, b.Targets...)
	return nil
}

// mixState is a mixture's position as it is stored.
type mixState struct {
	Format  string            `json:"format"`
	Size    int               `json:"size"`
	Seed    uint64            `json:"seed"`
	Weights []float64         `json:"weights"`
	Taken   uint64            `json:"taken"`
	Parts   []json.RawMessage `json:"parts"`
}

// State implements Stream.
func (m *mixture) State() ([]byte, error) {
	s := mixState{Format: mixStateFormat, Size: m.size, Seed: m.seed, Taken: m.taken}
	for _, p := range m.parts {
		b, err := p.Stream.State()
		if err != nil {
			return nil, err
		}
		s.Weights, s.Parts = append(s.Weights, p.Weight), append(s.Parts, b)
	}
	return json.Marshal(s)
}

// Restore implements Stream.
func (m *mixture) Restore(b []byte) error {
	if m.closed {
		return errClosed
	}
	s, err := m.parse(b)
	if err != nil {
		return fmt.Errorf("state of a mixture: %w", err)
	}
	var before [][]byte
	for _, p := range m.parts {
		now, err := p.Stream.State()
		if err != nil {
			return err
		}
		before = append(before, now)
	}
	for i, p := range m.parts {
		if err := p.Stream.Restore(s.Parts[i]); err != nil {
			for k := range i {
				if back := m.parts[k].Stream.Restore(before[k]); back != nil {
					m.failed = back
				}
			}
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	m.taken = s.Taken
	m.failed = nil
	return nil
}

// parse reads a state and checks that it is one of this mixture.
func (m *mixture) parse(b []byte) (mixState, error) {
	var s mixState
	if len(b) > maxMixState {
		return s, fmt.Errorf("%d bytes, want at most %d", len(b), maxMixState)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("not a state: %w", err)
	}
	var weights []float64
	for _, p := range m.parts {
		weights = append(weights, p.Weight)
	}
	switch {
	case s.Format != mixStateFormat:
		return s, fmt.Errorf("format %q, want %q", s.Format, mixStateFormat)
	case len(s.Parts) != len(m.parts):
		return s, fmt.Errorf("%d parts, this mixture has %d", len(s.Parts), len(m.parts))
	case !slices.Equal(s.Weights, weights):
		return s, fmt.Errorf("weights are %v, this mixture's are %v", s.Weights, weights)
	case s.Size != m.size:
		return s, fmt.Errorf("batch is %d, this mixture's is %d", s.Size, m.size)
	case s.Seed != m.seed:
		return s, fmt.Errorf("seed is %d, this mixture's is %d", s.Seed, m.seed)
	}
	return s, nil
}

// Close implements Stream.
func (m *mixture) Close() error {
	m.closed = true
	var errs []error
	for _, p := range m.parts {
		errs = append(errs, p.Stream.Close())
	}
	return errors.Join(errs...)
}
