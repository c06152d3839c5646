package datasets

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// numbers is a Stream of the batches 0, 1, 2, … whose state is the next number. If there is a gate, it waits there
// before each batch.
type numbers struct {
	next  atomic.Int64 // also read by tests
	gate  chan struct{}
	fail  int64 // the number of the batch that is an error; 0 for none
	err   error
	batch Batch
}

func (n *numbers) Next(ctx context.Context) (Batch, error) {
	if n.gate != nil {
		select {
		case <-n.gate:
		case <-ctx.Done():
			return Batch{}, ctx.Err()
		}
	}
	i := n.next.Load()
	if i == n.fail && n.fail > 0 {
		return Batch{}, n.err
	}
	n.next.Add(1)
	n.batch = Batch{1, 1, append(n.batch.Tokens[:0], int(i)), append(n.batch.Targets[:0], int(i)+1)}
	return n.batch, nil
}

func (n *numbers) State() ([]byte, error) { return []byte{byte(n.next.Load())}, nil }

func (n *numbers) Restore(state []byte) error {
	if len(state) != 1 {
		return errors.New("not a number")
	}
	n.next.Store(int64(state[0]))
	return nil
}

func (n *numbers) Close() error { return nil }

// TestPrefetchAhead: the goroutine reads as far ahead as it may, and no further, and State is that after the last batch
// that Next returned. Here and below, synctest.Test checks that no goroutine is left running.
func TestPrefetchAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(numbers)
		p := Prefetch(n, 3)
		synctest.Wait()
		if got := n.next.Load(); got != 0 {
			t.Errorf("%d batches read before the first Next", got)
		}
		for i := range 50 {
			if state := mustState(t, p); state[0] != byte(i) {
				t.Fatalf("state %v before batch %d", state, i)
			}
			b, err := p.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := n.next.Load(); got != int64(i+1+3) {
				t.Fatalf("%d batches read when %d are handed out, want 3 more", got, i+1)
			}
			if b.Tokens[0] != i || b.Targets[0] != i+1 {
				t.Fatalf("batch %v, want %d", b, i) // or it has been overwritten
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestPrefetchCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &numbers{gate: make(chan struct{})}
		p := Prefetch(n, 2)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait() // until Next waits for the gate
			cancel()
		}()
		if _, err := p.Next(ctx); err != context.Canceled {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
		if _, err := p.Next(ctx); err != context.Canceled {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
		go func() { n.gate <- struct{}{} }()
		if b, err := p.Next(t.Context()); err != nil || b.Tokens[0] != 0 {
			t.Errorf("batch %v, %v after a cancelled call, want 0", b, err)
		}
		if err := p.Close(); err != nil { // while the goroutine is at the gate
			t.Error(err)
		}
	})
}

func TestPrefetchEnd(t *testing.T) {
	broken := errors.New("tape torn")
	for _, end := range []error{io.EOF, broken} {
		synctest.Test(t, func(t *testing.T) {
			n := &numbers{fail: 5, err: end}
			p := Prefetch(n, 4)
			defer p.Close()
			for i := range 5 {
				if b, err := p.Next(t.Context()); err != nil || b.Tokens[0] != i {
					t.Fatalf("batch %v, %v; want %d", b, err, i)
				}
			}
			for range 3 {
				if _, err := p.Next(t.Context()); err != end {
					t.Errorf("error %v, want %v", err, end)
				}
			}
			if state := mustState(t, p); state[0] != 5 {
				t.Errorf("state %v at the end, want 5", state)
			}
			if err := p.Restore([]byte{3}); err != nil {
				t.Fatal(err)
			}
			if b, err := p.Next(t.Context()); err != nil || b.Tokens[0] != 3 {
				t.Errorf("batch %v, %v after Restore; want 3", b, err)
			}
		})
	}
}

func TestPrefetchRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Prefetch(new(numbers), 3)
		defer p.Close()
		if err := p.Restore([]byte{40}); err != nil { // before any Next
			t.Fatal(err)
		}
		if state := mustState(t, p); !slices.Equal(state, []byte{40}) {
			t.Errorf("state %v, want 40", state)
		}
		for i := range 3 {
			if b := next(t, p); b.Tokens[0] != 40+i {
				t.Errorf("batch %v, want %d", b, 40+i)
			}
		}
		if err := p.Restore(nil); err == nil || err.Error() != "not a number" {
			t.Errorf("error %v", err)
		}
		if state := mustState(t, p); !slices.Equal(state, []byte{43}) {
			t.Errorf("state %v after a Restore that failed, want 43", state)
		}
		if b := next(t, p); b.Tokens[0] != 43 {
			t.Errorf("batch %v after a Restore that failed, want 43", b)
		}
		if err := p.Restore([]byte{7}); err != nil {
			t.Fatal(err)
		}
		if b := next(t, p); b.Tokens[0] != 7 {
			t.Errorf("batch %v, want 7", b)
		}
	})
}

// TestPrefetchSame: reading ahead does not change the batches.
func TestPrefetchSame(t *testing.T) {
	src := Text("text", longText(1, 3000), longText(2, 2000))
	c := Config{Batch: 4, Context: 10, Buffer: 100}
	want := rest(t, mustStream(t, training, src, bytesTokenizer, c), 300)
	p := Prefetch(mustStream(t, training, src, bytesTokenizer, c), 4)
	defer p.Close()
	if !equalBatches(rest(t, p, 300), want) {
		t.Error("other batches with read-ahead")
	}
}
