package store

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// memory is a bucket in this process.
type memory struct {
	mu      sync.Mutex
	objects map[string]stored
}

type stored struct {
	data []byte
	time time.Time
}

func openMemory(context.Context, string) (Bucket, error) {
	return &memory{objects: make(map[string]stored)}, nil
}

// Objects implements Bucket.
func (m *memory) Objects(_ context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		m.mu.Lock()
		objects := maps.Clone(m.objects)
		m.mu.Unlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if o := objects[key]; strings.HasPrefix(key, prefix) && !yield(Object{key, int64(len(o.data)), o.time}, nil) {
				return
			}
		}
	}
}

func (m *memory) get(key string) (stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return o, fs.ErrNotExist
	}
	return o, nil
}

// Stat implements Bucket.
func (m *memory) Stat(_ context.Context, key string) (Object, error) {
	o, err := m.get(key)
	return Object{key, int64(len(o.data)), o.time}, err
}

// Read implements Bucket.
func (m *memory) Read(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	o, err := m.get(key)
	if err != nil {
		return nil, err
	}
	data := o.data[min(offset, int64(len(o.data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// Write implements Bucket.
func (m *memory) Write(ctx context.Context, key string) (io.WriteCloser, error) {
	return &memoryWriter{ctx: ctx, m: m, key: key}, nil
}

type memoryWriter struct {
	bytes.Buffer
	ctx context.Context
	m   *memory
	key string
}

// Close implements io.Closer.
func (w *memoryWriter) Close() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	w.m.objects[w.key] = stored{bytes.Clone(w.Bytes()), time.Now()}
	return nil
}

// Delete implements Bucket.
func (m *memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}
