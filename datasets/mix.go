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

// A Part is a stream of batches of one window each, and its weight in a mixture.
type Part struct {
	Stream Stream
	Weight float64 // relative to the sum of all weights; above 0
}

// mixStateFormat is the version of a mixture's state.
const mixStateFormat = "gorgpt mixture 1"

// maxMixState is the size in bytes of the largest state that Restore accepts.
const maxMixState = 1 << 20

// Mix returns a stream of batches of size windows. Each window comes from one of the parts,
// drawn by weight, so that in the long run each part contributes its share of the windows,
// whatever the sizes of the texts. The draws depend on the seed and the number of the window.
// When a finite part ends, windows are drawn from the others, so that a mixture of finite
// parts has each of their windows once; rows of its last batch for which there is no window
// have no targets. Close closes the parts, which the caller must not use.
func Mix(size int, seed uint64, parts ...Part) (Stream, error) {
	if size < 1 {
		return nil, fmt.Errorf("batch is %d windows, want at least 1", size)
	}
	if len(parts) == 0 {
		return nil, errors.New("a mixture needs at least one part")
	}
	m := &mixture{size: size, seed: seed, parts: slices.Clone(parts)}
	for i, p := range parts {
		if !(p.Weight > 0) || math.IsInf(p.Weight, 0) {
			return nil, fmt.Errorf("weight of part %d is %v, want a number above 0", i, p.Weight)
		}
	}
	return m, nil
}

// mixture implements Stream for Mix.
type mixture struct {
	size  int
	seed  uint64
	parts []Part
	ended []bool // which parts window has found to have ended

	taken  uint64 // number of windows handed out
	batch  Batch
	failed error // why the parts could not be restored after an error
	closed bool
}

// draw returns the part that window n comes from, among those that have not ended, or -1 if
// all have. k is how many were found to have ended for this window; the random number depends
// only on the seed, n and k.
func (m *mixture) draw(n, k uint64) int {
	total := 0.0
	for i, p := range m.parts {
		if !m.ended[i] {
			total += p.Weight
		}
	}
	at := []uint64{m.seed, n, k}
	if k == 0 {
		at = at[:2]
	}
	x := random("mixture", at...).Float64() * total
	last, sum := -1, 0.0
	for i, p := range m.parts {
		if m.ended[i] {
			continue
		}
		last = i
		if sum += p.Weight; x < sum {
			break
		}
	}
	return last
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
		err := m.window(ctx)
		if err == io.EOF && len(m.batch.Tokens) > 0 {
			break
		}
		if err != nil {
			if err != io.EOF {
				m.failed = m.Restore(before)
			}
			return Batch{}, err
		}
	}
	m.batch.Size = m.size
	for len(m.batch.Tokens) < m.size*m.batch.Context {
		m.batch.Tokens, m.batch.Targets = append(m.batch.Tokens, 0), append(m.batch.Targets, Ignore)
	}
	return m.batch, nil
}

// window adds the next window to the batch.
func (m *mixture) window(ctx context.Context) error {
	m.ended = append(m.ended[:0], make([]bool, len(m.parts))...)
	var i int
	var b Batch
	for k := range uint64(len(m.parts) + 1) {
		if i = m.draw(m.taken, k); i < 0 {
			return io.EOF
		}
		var err error
		if b, err = m.parts[i].Stream.Next(ctx); err == nil {
			break
		}
		if err != io.EOF {
			return err
		}
		m.ended[i] = true
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

// mixState is the stored form of a mixture's position.
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

// parse reads a state and checks that it belongs to this mixture.
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
