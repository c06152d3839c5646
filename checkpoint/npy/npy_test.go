package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// file makes a .npy file of a version, a header and data.
func file(version byte, header string, data []byte) []byte {
	b := append(slices.Clone(magic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(append(b, header...), data...)
}

func open(b []byte) (*File, error) { return New("f", bytes.NewReader(b), int64(len(b))) }

func TestRead(t *testing.T) {
	want := []float32{1, 2, 3, 4, 5, 6}
	half := make([]byte, 12)
	if err := weights.Encode(half, want, weights.F16); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		file  []byte
		shape []int
	}{
		{file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }     \n", weights.Bytes(want)), []int{2, 3}},
		{file(2, "{'shape':(6,),'fortran_order':False,'descr':'<f4'}", weights.Bytes(want)), []int{6}},
		{file(3, "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 6L), }\n", half), []int{1, 6}},
		{file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", weights.Bytes(want[:1])), []int{}},
		{file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }\n", nil), []int{3, 0}},
	} {
		f, err := open(test.file)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Shape(), test.shape) {
			t.Errorf("shape %v, want %v", f.Shape(), test.shape)
		}
		for first := range f.Size() + 1 {
			got := make([]float32, f.Size()-first)
			if err := f.Read(got, first); err != nil || !slices.Equal(got, want[first:f.Size()]) {
				t.Errorf("%v from %d: %v, %v", test.shape, first, got, err)
			}
		}
	}
}

// TestReadNumPy reads a file that NumPy wrote. Package checkpoint's tests compare its numbers.
func TestReadNumPy(t *testing.T) {
	f, err := Open("../testdata/models/gpt1/npy/params_0.npy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Size() != 190 || f.DType() != weights.F32 {
		t.Errorf("%v of %s, want 190 of F32", f.Shape(), f.DType())
	}
}

func TestBadFiles(t *testing.T) {
	head := func(descr, order, shape string) string {
		return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape)
	}
	good := head("<f4", "False", "(2,)")
	for _, test := range []struct {
		file []byte
		want string
	}{
		{nil, `f: offset 0: no \x93NUMPY: not a .npy file`},
		{[]byte("Hello, NumPy world"), `f: offset 0: no \x93NUMPY: not a .npy file`},
		{file(9, good, make([]byte, 8)), "f: offset 6: version 9, want 1 to 3"},
		{file(1, good, nil)[:40], "f: offset 8: a header of 57 bytes, want at most 30: not a .npy file, or cut short"},
		{file(2, good, nil)[:8], `f: offset 0: no \x93NUMPY: not a .npy file`},
		{file(1, good, make([]byte, 7)), "f: 7 bytes of data, want as many as F32 of shape (2) takes"},
		{file(1, good, make([]byte, 9)), "f: 9 bytes of data, want as many as F32 of shape (2) takes"},
		{file(1, head("<f4", "False", "(1152921504606846976, 1152921504606846976)"), nil), "f: 0 bytes of data, want as many as F32 of shape (1152921504606846976, 1152921504606846976) takes"},
		{file(1, head("<f4", "False", "(99999999999999999999,)"), nil), "f: offset 10: bad shape (99999999999999999999,)"},
		{file(1, head("<i8", "False", "(1,)"), make([]byte, 8)), "f: offset 10: numbers of type <i8, want <f4 or <f2"},
		{file(1, head("|O", "False", "(1,)"), make([]byte, 8)), "f: offset 10: numbers of type |O, want <f4 or <f2"},
		{file(1, head("<f4", "True", "(2, 2)"), make([]byte, 16)), "f: offset 10: column-major (fortran_order), want row-major"},
		{file(1, head("<f4", "False", "'2'"), make([]byte, 16)), "f: offset 10: the header has no shape"},
		{file(1, "__import__('os')", nil), "f: offset 10: header __import__('os'), want a dictionary of descr, fortran_order and shape"},
		{file(1, "{'descr': '<f4', 'descr': '<f2', 'fortran_order': False, 'shape': ()}", make([]byte, 4)), "f: offset 10: the header has descr twice"},
	} {
		_, err := open(test.file)
		sourcetest.Error(t, err, test.want)
	}
	f, err := open(file(1, good, make([]byte, 8)))
	if err != nil {
		t.Fatal(err)
	}
	sourcetest.Error(t, f.Read(make([]float32, 2), 1), "f: numbers 1 to 3 are outside the array of 2")
}

func FuzzFile(f *testing.F) {
	data, err := os.ReadFile("../testdata/models/gpt1/npy/params_0.npy")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(file(2, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 2L), }", make([]byte, 8)))
	f.Add(file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", nil))
	f.Add(file(1, strings.Repeat("{'a': (", 100), nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := open(data)
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		if file.Size() > len(data) {
			t.Fatalf("%d numbers out of %d bytes", file.Size(), len(data))
		}
		if err := file.Read(make([]float32, file.Size()), 0); err != nil {
			t.Error(err)
		}
	})
}
