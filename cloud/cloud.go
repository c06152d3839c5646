package cloud

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/gcsblob" // gs:
	_ "gocloud.dev/blob/s3blob"  // s3:
	"gocloud.dev/gcerrors"

	"github.com/gorgpt/gorgpt/store"
)

func init() {
	store.Register("s3", Open)
	store.Register("gs", Open)
}

// Open opens a bucket of any scheme for which a driver of gocloud.dev/blob is imported.
func Open(ctx context.Context, url string) (store.Bucket, error) {
	b, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, err
	}
	return bucket{b}, nil
}

// bucket implements [store.Bucket].
type bucket struct{ b *blob.Bucket }

// told translates an error of the library to one of package fs, if there is one.
func told(err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.OK:
		return nil
	case gcerrors.NotFound:
		return fs.ErrNotExist
	case gcerrors.PermissionDenied:
		return fmt.Errorf("%w (%w)", fs.ErrPermission, err)
	}
	return err
}

// Objects implements store.Bucket.
func (b bucket) Objects(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		all := b.b.List(&blob.ListOptions{Prefix: prefix})
		for {
			o, err := all.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(store.Object{}, told(err))
				return
			}
			if !yield(store.Object{Key: o.Key, Size: o.Size, Modified: o.ModTime}, nil) {
				return
			}
		}
	}
}

// Stat implements store.Bucket.
func (b bucket) Stat(ctx context.Context, key string) (store.Object, error) {
	a, err := b.b.Attributes(ctx, key)
	if err != nil {
		return store.Object{}, told(err)
	}
	return store.Object{Key: key, Size: a.Size, Modified: a.ModTime}, nil
}

// Read implements store.Bucket.
func (b bucket) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := b.b.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, told(err)
	}
	return r, nil
}

// Write implements store.Bucket.
func (b bucket) Write(ctx context.Context, key string) (io.WriteCloser, error) {
	w, err := b.b.NewWriter(ctx, key, nil)
	if err != nil {
		return nil, told(err)
	}
	return writer{w}, nil
}

// writer translates errors as the methods of bucket do.
type writer struct{ *blob.Writer }

func (w writer) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, told(err)
}

func (w writer) Close() error { return told(w.Writer.Close()) }

// Delete implements store.Bucket.
func (b bucket) Delete(ctx context.Context, key string) error { return told(b.b.Delete(ctx, key)) }
