package safetensors

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// TestChecksums: a flipped bit in a tensor is detected by reading and by verifying, mapped or not; in a file
// without checksums there is nothing to detect.
func TestChecksums(t *testing.T) {
	tensors := []weights.Tensor{{Name: "a", Shape: []int{2}, Data: []float32{1, 2}}, {Name: "b", Shape: []int{1, 3}, Data: []float32{3, 4, 5}}}
	for _, dtype := range []weights.DType{weights.F32, weights.BF16} {
		var plain, checked bytes.Buffer
		if err := Write(&plain, nil, dtype, tensors); err != nil {
			t.Fatal(err)
		}
		if err := WriteChecked(&checked, map[string]string{"format": "pt"}, dtype, tensors); err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Clone(checked.Bytes())
		flipped[len(flipped)-1] ^= 1 // in b
		for name, c := range map[string]struct {
			data   []byte
			has    bool
			broken string
		}{"plain": {plain.Bytes(), false, ""}, "checked": {checked.Bytes(), true, ""}, "flipped": {flipped, true, "b"}} {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, c.data, 0o666); err != nil {
				t.Fatal(err)
			}
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			wants := func(what string, tensor string, err error) {
				t.Helper()
				if bad := tensor == c.broken; (err != nil) != bad || bad && !strings.Contains(err.Error(), "the file is damaged") {
					t.Errorf("%s, %s: %s %s: %v", dtype, name, what, tensor, err)
				}
			}
			for _, x := range tensors {
				got := make([]float32, len(x.Data))
				wants("read", x.Name, f.Read(x.Name, got))
				mapped := f.Map(x.Name)
				if runtime.GOOS == "linux" && (mapped != nil) != (dtype == weights.F32) || mapped != nil && x.Name != c.broken && !slices.Equal(mapped, x.Data) {
					t.Errorf("%s, %s: %s mapped is %v", dtype, name, x.Name, mapped)
				}
				for _, given := range [][]float32{nil, mapped} {
					has, err := f.Verify(x.Name, given)
					wants("verified", x.Name, err)
					if has != c.has {
						t.Errorf("%s, %s: %s has a checksum: %t", dtype, name, x.Name, has)
					}
				}
			}
			if _, err := f.Verify("c", nil); err == nil || err.Error() != path+": no tensor c" {
				t.Errorf("%s: %v", name, err)
			}
			if f.Map("c") != nil {
				t.Errorf("%s: a tensor that is not there is mapped", name)
			}
		}
	}
}
