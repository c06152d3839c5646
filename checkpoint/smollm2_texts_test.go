package checkpoint_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/smollm2"
)

// TestSmolLM2Texts: for the texts of ../shared, the tokenizer in llama.cpp's file gives the same ids as the
// published tokenizer; see testdata/smollm2/texts.py.
func TestSmolLM2Texts(t *testing.T) {
	d, err := checkpoint.Open(smollm2.Path(t))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := d.Tokenizer(49152)
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/smollm2/texts.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][2]any // the number of ids, and their SHA-256
	if err := json.Unmarshal(golden, &want); err != nil || len(want) < 90 {
		t.Fatal(len(want), err)
	}
	for name, w := range want {
		text, err := os.ReadFile(filepath.Join("../../shared/data", name))
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("../../shared is absent")
		}
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.Append(nil, text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var packed []byte
		for _, id := range ids {
			packed = binary.LittleEndian.AppendUint32(packed, uint32(id))
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(packed)); float64(len(ids)) != w[0] || got != w[1] {
			t.Errorf("%s: %d ids with SHA-256 %s, want %v, %v", name, len(ids), got, w[0], w[1])
		}
	}
}
