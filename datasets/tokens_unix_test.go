//go:build unix

package datasets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTruncatedShard: a mapped shard that is cut short while it is read is an error, and does not end the process.
func TestTruncatedShard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "train.bin")
	size := int64(4 * shardPiece * 2)
	if err := os.WriteFile(path, make([]byte, size), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := openShard(&Document{format: &recordFormat{width: 2}, path: path, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, err := s.piece(0)
	if err != nil || len(p.ids) != shardPiece {
		t.Fatalf("%d ids, %v", len(p.ids), err)
	}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, err = s.piece(size / 2)
	if err == nil || !strings.HasPrefix(err.Error(), path+": byte ") || !strings.HasSuffix(err.Error(), " cannot be read: the file was cut short while it was in use") {
		t.Errorf("error %v", err)
	}
}
