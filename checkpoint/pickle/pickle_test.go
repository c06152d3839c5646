package pickle

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/internal/sourcetest"
	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// fixtures were made with PyTorch by testdata/models/make.py. Package checkpoint's tests compare their numbers.
var fixtures = []string{
	"../testdata/models/gpt2/zip/pytorch_model.bin",
	"../testdata/models/gpt2/legacy/pytorch_model.bin",
}

// Pickle instructions, from which the tests build pickles by hand.
const (
	proto    = "\x80\x02"
	ordered  = "ccollections\nOrderedDict\n)R"
	rebuild2 = "ctorch._utils\n_rebuild_tensor_v2\n"
)

func text(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func num(n int) string { return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func tup(items ...string) string { return "(" + strings.Join(items, "") + "t" }

// stored returns the persistent id of a storage of n floats.
func stored(key string, n int) string {
	return tup(text("storage"), "ctorch\nFloatStorage\n", text(key), text("cpu"), num(n)) + "Q"
}

// view returns instructions that make a tensor from a storage.
func view(storage string, offset int, shape, stride string) string {
	return rebuild2 + tup(storage, num(offset), shape, stride, "\x89", ordered) + "R"
}

// archive makes a zip file of uncompressed entries, given as alternating names and contents.
func archive(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		content := []byte(entries[i+1])
		e, err := w.CreateRaw(&zip.FileHeader{
			Name: entries[i], Method: zip.Store, CRC32: crc32.ChecksumIEEE(content),
			CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// saved makes a file like torch.save's: a pickle, and a storage "0" of the numbers.
func saved(t testing.TB, pickle string, numbers ...float32) []byte {
	return archive(t, "m/data.pkl", proto+pickle+".", "m/byteorder", "little", "m/data/0", string(weights.Bytes(numbers)))
}

func open(b []byte) (*File, error) { return New("f", bytes.NewReader(b), int64(len(b))) }

func TestStrides(t *testing.T) {
	data := saved(t, "}("+
		text("rows")+view(stored("0", 6), 0, tup(num(2), num(3)), tup(num(3), num(1)))+
		text("columns")+view(stored("0", 6), 0, tup(num(3), num(2)), tup(num(1), num(3)))+
		text("middle")+view(stored("0", 6), 1, tup(num(2)), tup(num(3)))+
		text("scalar")+view(stored("0", 6), 5, ")", ")")+
		text("empty")+view(stored("0", 6), 0, tup(num(0), num(9)), tup(num(9), num(1)))+
		text("one")+view(stored("0", 6), 2, tup(num(1), num(1)), tup(num(77), num(88)))+
		"u", 1, 2, 3, 4, 5, 6)
	f, err := open(data)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float32{"rows": {1, 2, 3, 4, 5, 6}, "columns": {1, 4, 2, 5, 3, 6}, "middle": {2, 5}, "scalar": {6}, "empty": {}, "one": {3}}
	got := sourcetest.ReadAll(t, f, len(data))
	if len(got) != len(want) {
		t.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for _, x := range got {
		if !slices.Equal(x.Data, want[x.Name]) {
			t.Errorf("%s is %v, want %v", x.Name, x.Data, want[x.Name])
		}
	}
}

// TestRefused: pickles that would call or read anything that weights do not need are rejected.
func TestRefused(t *testing.T) {
	row := tup(num(2))
	one := tup(num(1))
	ten := strings.Repeat("0", 10)
	for _, test := range []struct{ name, pickle, want string }{
		{"system", "cposix\nsystem\n" + tup(text("true")) + "R", "it calls posix.system, which a file of weights has no use for: refused"},
		{"system, protocol 4", "\x8c\x05posix\x8c\x06system\x93", "it calls posix.system, which a file of weights has no use for: refused"},
		{"eval", "c__builtin__\neval\n", "it calls __builtin__.eval, which a file of weights has no use for: refused"},
		{"getattr of torch", "ctorch\nload\n", "it calls torch.load, which a file of weights has no use for: refused"},
		{"odd name", "ca\x01b\n\n", `it calls "a\x01b.", which a file of weights has no use for: refused`},
		{"instance", "(i__main__\nX\n", "instruction 0x69, which a file of weights has no use for: refused"},
		{"new object", "ccollections\nOrderedDict\n)\x81", "an object that a file of weights has no use for: refused"},
		{"call of a text", text("f") + ")R", "a call of something that is not a function: refused"},
		{"call of a type", "ctorch\nFloatStorage\n)R", "a call of something that is not a function: refused"},
		{"dictionary of pairs", "ccollections\nOrderedDict\n" + tup(tup()) + "R", "collections.OrderedDict is called with unexpected arguments"},
		{"attributes", text("f") + "}b", "attributes for something that is not a dictionary: refused"},
		{"protocol", "\x80\x09", "pickle protocol 9, want 2 to 5"},
		{"empty stack", "R", "the stack is empty: not a pickle"},
		{"below the mark", "}(s", "the stack is empty: not a pickle"},
		{"no mark", "t", "no mark: not a pickle"},
		{"no value", "h\x05", "value 5 is used before it is made"},
		{"long text", "X\xff\xff\xff\x7f", "a string of 2147483647 bytes, want at most 65536"},
		{"long name", "c" + strings.Repeat("a", 70000), "a name of more than 65536 bytes"},
		{"list in text", text("f") + text("g") + "a", "items for something that is not a list: not a pickle"},
		{"odd pairs", "}(" + text("a") + "u", "items for something that is not a dictionary: not a pickle"},
		{"not a storage", text("0") + "Q", "an identifier that is not a storage's: not a file of weights"},
		{"huge storage", tup(text("storage"), "ctorch\nFloatStorage\n", text("0"), text("cpu"), "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f") + "Q",
			"a storage with bad type, key or length (9223372036854775807)"},
		{"negative storage", tup(text("storage"), "ctorch\nFloatStorage\n", text("0"), text("cpu"), num(-1)) + "Q", "a storage with bad type, key or length (-1)"},
		{"shape beyond", view(stored("0", 2), 0, tup(num(3)), one), "a tensor of shape (3) in a storage of only 2 numbers"},
		{"offset beyond", view(stored("0", 2), 1, row, one), "a tensor of shape (2), strides (1) and offset 1 reaches beyond its storage of 2 numbers"},
		{"stride beyond", view(stored("0", 2), 0, row, tup("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f")), "a tensor of shape (2), strides (9223372036854775807) and offset 0 reaches beyond its storage of 2 numbers"},
		{"expanded", view(stored("0", 2), 0, tup(num(1<<30), num(1<<30)), tup(num(0), num(0))), "a tensor of shape (1073741824, 1073741824) in a storage of only 2 numbers"},
		{"negative size", view(stored("0", 2), 0, tup(num(-1)), one), "a tensor with bad storage, offset, shape or strides"},
		{"no strides", view(stored("0", 2), 0, row, ")"), "a tensor with bad storage, offset, shape or strides"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := open(saved(t, test.pickle+ten, 1, 2))
			if err == nil {
				t.Fatal("no error")
			}
			_, got, found := strings.Cut(strings.TrimPrefix(err.Error(), "f: offset "), ": ")
			if !found || got != test.want {
				t.Errorf("error\n\t%s\nwant\n\tf: offset N: %s", err, test.want)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	ok := view(stored("0", 2), 0, tup(num(2)), tup(num(1)))
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "f: offset 0: neither a zip archive nor a pickle of PyTorch: not a file of torch.save"},
		{"other", []byte("Hello"), "f: offset 0: neither a zip archive nor a pickle of PyTorch: not a file of torch.save"},
		{"cut", saved(t, "}", 1)[:100], "f: a zip archive that is damaged or cut short: zip: not a valid zip file"},
		{"other zip", archive(t, "a", "b"), "f: a zip archive without data.pkl: not a file of torch.save"},
		{"big-endian", archive(t, "m/data.pkl", proto+"}.", "m/byteorder", "big"), `f: m/byteorder: want "little": a file from a big-endian machine`},
		{"ends", archive(t, "m/data.pkl", proto+"}("), "f: offset 44: the pickle ends too early"},
		{"text", saved(t, text("hello")), "f: not a dictionary of tensors: save model.state_dict()"},
		{"entry", saved(t, "}"+text("epoch")+num(3)+"s"), "f: epoch is not a tensor: save only model.state_dict()"},
		{"key", saved(t, "}"+num(3)+num(3)+"s"), "f: a key of type int64 is not a tensor: save only model.state_dict()"},
		{"twice", saved(t, "}("+text("a")+ok+text("a")+ok+"u", 1, 2), "f: a appears twice"},
		{"no storage", archive(t, "m/data.pkl", proto+"}"+text("a")+ok+"s."), "f: a: no m/data/0 in the archive"},
		{"odd name", archive(t, "m\x00\n/data.pkl", proto+"}"+text("a")+ok+"s."), `f: a: no "m\x00\n/data/0" in the archive`},
		{"odd order", archive(t, "m\n/data.pkl", proto+"}.", "m\n/byteorder", "middle"), `f: "m\n/byteorder": want "little": a file from a big-endian machine`},
		{"short storage", saved(t, "}"+text("a")+ok+"s", 1), "f: a: m/data/0 has 4 bytes, want 8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := open(test.file)
			sourcetest.Error(t, err, test.want)
		})
	}
}

// TestLegacyErrors damages a file of the old format.
func TestLegacyErrors(t *testing.T) {
	data, err := os.ReadFile(fixtures[1])
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndex(data, []byte("little_endian"))
	for _, test := range []struct {
		change func([]byte) []byte
		want   string
	}{
		{func(b []byte) []byte { return b[:len(b)-1] }, "cut short"},
		{func(b []byte) []byte { return b[:20] }, "the pickle ends too early"},
		{func(b []byte) []byte {
			return append(b[:last], bytes.ReplaceAll(b[last:], []byte("little_endianq"), []byte("middle_endianq"))...)
		}, "f: not from a little-endian machine"},
		{func(b []byte) []byte { return bytes.Replace(b, []byte("M\xe9\x03."), []byte("M\xea\x03."), 1) }, "f: version 1002, want 1001"},
	} {
		_, err := open(test.change(bytes.Clone(data)))
		if err == nil || !strings.HasSuffix(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "f: ") {
			t.Errorf("error\n\t%v\nwant\n\tf: … %s", err, test.want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	f, err := Open(fixtures[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sourcetest.Error(t, f.Read("none", nil), fixtures[0]+": no tensor none")
	sourcetest.Error(t, f.Read("transformer.ln_f.bias", make([]float32, 3)), fixtures[0]+": transformer.ln_f.bias is (8), 8 numbers; the buffer holds 3")
}

// TestMap: tensors with a storage of their own are mapped, and those that share one are not.
func TestMap(t *testing.T) {
	f, err := Open(fixtures[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := f.Map("transformer.wpe.weight")
	if got == nil {
		t.Skip("files are not mapped here")
	}
	want := make([]float32, len(got))
	if err := f.Read("transformer.wpe.weight", want); err != nil || !slices.Equal(got, want) {
		t.Errorf("mapped %v, read %v, %v", got, want, err)
	}
	for _, name := range []string{"transformer.wte.weight", "lm_head.weight", "transformer.h.1.mlp.c_fc.weight", "none"} {
		if f.Map(name) != nil {
			t.Errorf("%s is mapped", name)
		}
	}
}

func TestTypes(t *testing.T) {
	ids := strings.ReplaceAll(view(stored("0", 1), 0, tup(num(1)), tup(num(1))), "FloatStorage", "IntStorage")
	f, err := open(saved(t, "}"+text("ids")+ids+"s", 1))
	if err != nil {
		t.Fatal(err)
	}
	sourcetest.Error(t, f.Read("ids", make([]float32, 1)), "f: ids is I32, want F64, F32, F16 or BF16")
}

func FuzzFile(f *testing.F) {
	for _, name := range fixtures {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(saved(f, "}"+text("a")+view(stored("0", 2), 0, tup(num(2)), tup(num(1)))+"s", 1, 2))
	f.Add(archive(f, "m\x00\n/data.pkl", proto+"}"+text("a")+view(stored("0", 2), 0, tup(num(2)), tup(num(1)))+"s."))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := open(data)
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		sourcetest.ReadAll(t, file, len(data))
	})
}

// FuzzPickle is FuzzFile without the zip file around the pickle.
func FuzzPickle(f *testing.F) {
	f.Add("}" + text("a") + view(stored("0", 2), 0, tup(num(2)), tup(num(1))) + "s")
	f.Add(ordered + "q\x00(" + text("b") + "h\x00u")
	f.Add("]q\x00(K\x01M\x02\x03J\x04\x05\x06\x07G\x00\x00\x00\x00\x00\x00\x00\x00\x8a\x02\x01\xffN\x88\x89e\x94\x85\x86\x87")
	f.Fuzz(func(t *testing.T, pickle string) {
		file, err := open(saved(t, pickle, 1, 2))
		if err != nil {
			sourcetest.OneLine(t, err)
			return
		}
		sourcetest.ReadAll(t, file, 8)
	})
}

func ExampleOpen() {
	f, err := Open("../testdata/models/gpt2/legacy/pytorch_model.bin")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for _, t := range f.Tensors()[:3] {
		fmt.Println(t.Name, t.Type, t.Shape)
	}
	// Output:
	// wte.weight F32 [13 8]
	// wpe.weight F32 [6 8]
	// h.0.ln_1.weight F32 [8]
}

// TestWrapped: model.state_dict() is found among the other things that training programs save; none
// of those is instantiated.
func TestWrapped(t *testing.T) {
	row := view(stored("0", 2), 0, tup(num(2)), tup(num(1)))
	namespace := "cargparse\nNamespace\n)\x81}" + text("lr") + num(1) + "sb"
	scalar := "cnumpy.core.multiarray\nscalar\n" + tup("cnumpy\ndtype\n"+tup(text("f8"))+"R", text("x")) + "R"
	for _, key := range []string{"model", "state_dict", "model_state_dict", "module"} {
		f, err := open(saved(t, "}("+text("args")+namespace+text("loss")+scalar+text("sizes")+"}("+text("layers")+num(3)+text("rate")+"G\x3f\xe0\x00\x00\x00\x00\x00\x00"+
			text("row")+row+"u"+text(key)+"}"+text("a")+row+"su", 1, 2))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if got := sourcetest.ReadAll(t, f, 100); len(got) != 1 || got[0].Name != "a" || !slices.Equal(got[0].Data, []float32{1, 2}) {
			t.Errorf("%s: %v", key, got)
		}
		if got := f.Plain("sizes"); len(got) != 2 || got["layers"] != int64(3) || got["rate"] != 0.5 {
			t.Errorf("%s: sizes are %v", key, got)
		}
		if got := f.Plain("loss"); got != nil {
			t.Errorf("%s: loss is %v", key, got)
		}
	}
	_, err := open(saved(t, "}"+text("model")+"}"+text("a")+namespace+"ss", 1, 2))
	sourcetest.Error(t, err, "f: a is not a tensor: save only model.state_dict()")
}

// TestIsFile: both formats of torch.save are recognized, but not from a start that is too short.
func TestIsFile(t *testing.T) {
	for start, want := range map[string]bool{string(zipMagic) + "x": true, string(legacyMagic) + "x": true, string(zipMagic[:3]): false, string(legacyMagic[:len(legacyMagic)-1]): false, "": false, "x": false} {
		if IsFile([]byte(start)) != want {
			t.Errorf("%q: %t", start, !want)
		}
	}
}

// TestNegated: the expected numbers are what torch.load gives for tensors with the negative bit (PyTorch 2.15
// saves torch._neg_view(torch.tensor([1., 2.])) this way): [-1, -2], and [-2, -4] for .conj().imag of a
// complex tensor, whose numbers are not adjacent.
func TestNegated(t *testing.T) {
	marked := func(view, metadata string) string { return strings.TrimSuffix(view, "tR") + metadata + "tR" }
	near := view(stored("0", 4), 0, tup(num(2)), tup(num(1)))
	apart := view(stored("0", 4), 1, tup(num(2)), tup(num(2)))
	neg := "}" + text("neg") + "\x88s"
	f, err := open(saved(t, "}("+
		text("near")+marked(near, neg)+text("apart")+marked(apart, neg)+
		text("parameter")+"ctorch._utils\n_rebuild_parameter\n"+tup(marked(near, neg), "\x88", ordered)+"R"+
		text("plain")+marked(near, "N")+text("off")+marked(near, "}("+text("neg")+"\x89"+text("conj")+"\x89u")+"u", 1, 2, 3, 4))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float32{"near": {-1, -2}, "apart": {-2, -4}, "parameter": {-1, -2}, "plain": {1, 2}, "off": {1, 2}}
	for _, x := range sourcetest.ReadAll(t, f, 100) {
		if !slices.Equal(x.Data, want[x.Name]) {
			t.Errorf("%s is %v, want %v", x.Name, x.Data, want[x.Name])
		}
	}
	for metadata, want := range map[string]string{
		"}" + text("conj") + "\x88s":  "the metadata conj, want only neg",
		"}" + text("other") + "\x88s": "the metadata other, want only neg",
		"}" + text("neg") + "Ns":      "the metadata neg, want only neg",
		text("neg"):                   "a tensor whose metadata is not a dictionary",
	} {
		if _, err := open(saved(t, "}"+text("a")+marked(near, metadata)+"s", 1, 2, 3, 4)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", metadata, err, want)
		}
	}
}

// TestNegatedIsNotMapped: a negated tensor is not mapped, since the mapped numbers would have the wrong sign.
func TestNegatedIsNotMapped(t *testing.T) {
	a := strings.TrimSuffix(view(stored("0", 2), 0, tup(num(2)), tup(num(1))), "tR") + "}" + text("neg") + "\x88s" + "tR"
	path := filepath.Join(t.TempDir(), "pytorch_model.bin")
	if err := os.WriteFile(path, saved(t, "}"+text("a")+a+"s", 1, 2), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.Map("a"); got != nil {
		t.Errorf("mapped as %v", got)
	}
}

// TestTupleKeys: keys beside the weights may be of any kind, such as pairs of numbers for heads.
func TestTupleKeys(t *testing.T) {
	row := view(stored("0", 2), 0, tup(num(2)), tup(num(1)))
	f, err := open(saved(t, "}("+text("model")+"}"+text("a")+row+"s"+text("heads")+"}"+tup(num(0), num(1))+row+"su", 1, 2))
	if err != nil || len(f.Tensors()) != 1 {
		t.Fatalf("%v, want one tensor", err)
	}
}

// TestLongValue: a value of nested tuples, each used twice, would not fit in memory when printed, so the
// error must not print it.
func TestLongValue(t *testing.T) {
	nested := ")q\x00"
	for i := range 60 {
		nested += fmt.Sprintf("h%c\x86q%c", i, i+1)
	}
	id := tup(text("storage"), "ctorch\nFloatStorage\n", text("0"), text("cpu"), nested) + "Q"
	_, err := open(saved(t, "}"+text("a")+view(id, 0, tup(num(2)), tup(num(1)))+"s", 1, 2))
	if err == nil || !strings.Contains(err.Error(), "a storage with bad type, key or length (pickle.tuple)") || len(err.Error()) > 200 {
		t.Errorf("error %.300v", err)
	}
}

// TestTwoSets: a file with two sets of weights is an error, since it does not say which one is meant.
func TestTwoSets(t *testing.T) {
	row := view(stored("0", 2), 0, tup(num(2)), tup(num(1)))
	for _, key := range []string{"state_dict", "ema", "teacher"} {
		_, err := open(saved(t, "}("+text(key)+"}"+text("a")+row+"s"+text("model")+"}"+text("a")+row+"su", 1, 2))
		sourcetest.Error(t, err, `f: weights under both "model" and `+key+": save only the ones you want")
	}
}
