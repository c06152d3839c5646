package safetensors

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// checksumKey is the metadata key of a JSON object with the CRC-32C of each tensor's bytes, in hexadecimal.
// Other programs pass it on as text, or drop it.
const checksumKey = "crc32c"

// WriteChecked is [Write] with checksums of the tensors in the metadata, which [File.Read] and [File.Verify]
// check.
func WriteChecked(w io.Writer, metadata map[string]string, t weights.DType, tensors []weights.Tensor) error {
	if _, err := makeHeader(metadata, t, tensors); err != nil {
		return err
	}
	sums, err := checksums(t, tensors)
	if err != nil {
		return err
	}
	with := map[string]string{checksumKey: sums}
	maps.Copy(with, metadata)
	return Write(w, with, t, tensors)
}

// checksums returns the metadata value.
func checksums(t weights.DType, tensors []weights.Tensor) (string, error) {
	sums := make(map[string]string, len(tensors))
	for _, x := range tensors {
		h := crc32.New(weights.Castagnoli)
		if err := weights.WriteTensor(h, x, t); err != nil {
			return "", fmt.Errorf("%s: %w", x.Name, err)
		}
		sums[x.Name] = hex(h.Sum32())
	}
	text, err := json.Marshal(sums)
	return string(text), err
}

func hex(sum uint32) string { return fmt.Sprintf("%08x", sum) }

// readChecksums reads the checksums from the metadata; nil if there are none.
func readChecksums(metadata map[string]string) (map[string]string, error) {
	text, ok := metadata[checksumKey]
	if !ok {
		return nil, nil
	}
	var sums map[string]string
	if err := json.Unmarshal([]byte(text), &sums); err != nil || sums == nil {
		return nil, fmt.Errorf("metadata: %s is %s, want a checksum for each tensor", checksumKey, weights.Show(text))
	}
	return sums, nil
}

// check compares a tensor's bytes with its checksum, if the file has any.
func (f *File) check(name string, sum uint32) error {
	if f.sums == nil {
		return nil
	}
	switch want, ok := f.sums[name]; {
	case !ok:
		return fmt.Errorf("%s: %s: the file has checksums, but none for this tensor: the file is damaged", f.Name(), weights.Show(name))
	case want != hex(sum):
		return fmt.Errorf("%s: %s: its bytes have the checksum %s, the file says %s: the file is damaged, or it was changed by a program that kept the metadata: remove %s there", f.Name(), weights.Show(name), hex(sum), weights.Show(want), checksumKey)
	}
	return nil
}

// Verify implements [weights.Verifier].
func (f *File) Verify(name string, mapped []float32) (bool, error) {
	e, ok := f.index[name]
	if !ok {
		return false, fmt.Errorf("%s: no tensor %s", f.Name(), weights.Show(name))
	}
	if f.sums == nil {
		return false, nil
	}
	if mapped != nil {
		return true, f.check(name, crc32.Checksum(weights.Bytes(mapped), weights.Castagnoli))
	}
	sum, err := f.file.Sum(f.data+int64(e.begin), int64(e.end-e.begin))
	if err != nil {
		return true, fmt.Errorf("%w, in %s", err, weights.Show(name))
	}
	return true, f.check(name, sum)
}
