package store

import (
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bucket is what a driver opens: a set of objects by their keys, in which slashes take the place of directories.
type Bucket interface {
	// Objects yields the objects whose keys begin with a prefix, in the order of their keys.
	Objects(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Stat describes an object. The error is [fs.ErrNotExist] if there is none.
	Stat(ctx context.Context, key string) (Object, error)
	// Read reads length bytes of an object from an offset, or up to its end if length is negative.
	Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Write creates or replaces an object, which exists after Close, unless ctx was canceled before.
	Write(ctx context.Context, key string) (io.WriteCloser, error)
	// Delete removes an object.
	Delete(ctx context.Context, key string) error
}

// Object describes an object in a store.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
}

// drivers holds the drivers that are linked in, by scheme, and the buckets that have been opened, by URL.
var drivers = struct {
	sync.Mutex
	open    map[string]func(ctx context.Context, url string) (Bucket, error)
	buckets map[string]Bucket
	err     error
}{
	open:    map[string]func(context.Context, string) (Bucket, error){"mem": openMemory},
	buckets: make(map[string]Bucket),
}

// Register registers the driver for a scheme: open opens a bucket by its URL, including settings, as in
// s3://bucket?region=eu-west-1. Call it in an init function. After an invalid registration, or a second
// one for a scheme, opening any bucket fails with that error.
func Register(scheme string, open func(ctx context.Context, url string) (Bucket, error)) {
	drivers.Lock()
	defer drivers.Unlock()
	switch {
	case open == nil || scheme == "" || scheme != strings.ToLower(scheme) || strings.Contains(scheme, ":"):
		drivers.err = fmt.Errorf("store: a driver is registered for %q: want a scheme in lower case, and a function that opens its buckets", scheme)
	case drivers.open[scheme] != nil || scheme == "file":
		drivers.err = fmt.Errorf("store: a second driver is registered for the scheme %s", scheme)
	default:
		drivers.open[scheme] = open
	}
}

// bucket opens the bucket of a URL, once per process.
func bucket(name string) (Bucket, parts, error) {
	p, err := parse(name)
	if err != nil {
		return nil, p, err
	}
	drivers.Lock()
	defer drivers.Unlock()
	if drivers.err != nil {
		return nil, p, drivers.err
	}
	if b := drivers.buckets[p.root()]; b != nil {
		return b, p, nil
	}
	open := drivers.open[p.scheme]
	if open == nil {
		known := append(slices.Collect(maps.Keys(drivers.open)), "file")
		slices.Sort(known)
		return nil, p, fmt.Errorf("%s: no driver for %s is linked in, only for %s; to get s3 and gs, build gorgpt with go build -C cloud ./cmd/gorgpt", name, p.scheme, strings.Join(known, ", "))
	}
	b, err := open(context.Background(), p.root())
	if err != nil {
		return nil, p, fmt.Errorf("%s: %w", name, err)
	}
	drivers.buckets[p.root()] = b
	return b, p, nil
}
