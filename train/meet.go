package train

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/kernel"
)

// fact is something that must be the same on all ranks of a run.
type fact struct{ what, value string }

// meet checks that the ranks are at the same point of the same run.
func (r *run) meet() error {
	if !r.several() {
		return nil
	}
	place, err := r.Task.State()
	if err != nil {
		err = fmt.Errorf("position of the training data: %w", err)
	}
	program, mine := thisProgram()
	facts := []fact{
		{"program", program}, {"setting", r.Settings}, {"instruction set", graph.Instructions(r.Graph...)},
		{"seed", fmt.Sprint(r.Seed)}, {"number of steps", fmt.Sprint(r.Steps)}, {"StopAfter", fmt.Sprint(r.StopAfter)},
		{"EvalEvery", fmt.Sprint(r.EvalEvery)}, {"EvalFrom", fmt.Sprint(r.EvalFrom)}, {"validation", fmt.Sprint(r.validator != nil)},
		{"step", fmt.Sprint(r.at.Step)}, {"training data", string(place)},
		{"number of weights", fmt.Sprint(r.wholeCount())},
	}
	if err = cmp.Or(err, mine); err != nil {
		facts = nil
	}
	if err := r.compare(r.within, facts, err); err != nil {
		return err
	}
	if err := r.compare(r.peers, facts, nil); err != nil {
		return err
	}
	return r.same()
}

// wholeCount is the number of weights of the whole model.
func (r *run) wholeCount() (n int64) {
	for _, p := range r.Params.All() {
		n += int64(p.Whole().TotalSize())
	}
	return n
}

// compare fails on all ranks if the facts of one differ from those of p's rank 0, or if one passes
// an error.
func (r *run) compare(p Peers, facts []fact, mine error) error {
	if _, err := r.agree(0, nil, mine); err != nil {
		return err
	}
	for _, f := range facts {
		theirs, err := Tell(p, f.value)
		if err == nil && theirs != f.value {
			err = differs(p, f.what, f.value, theirs)
		}
		if _, err = r.agree(0, nil, err); err != nil {
			return err
		}
	}
	return nil
}

// same checks that the ranks still have the same weights. Ranks that hold a model together compare
// the parameters that each has in full.
func (r *run) same() error {
	if !r.several() {
		return nil
	}
	err := r.compare(r.within, []fact{{"weights", weightsMark(slices.DeleteFunc(slices.Clone(r.inOrder), (*graph.Param).Cut))}}, nil)
	if err == nil {
		err = r.compare(r.peers, []fact{{"weights", weightsMark(r.inOrder)}}, nil)
	}
	if err != nil {
		return unsaved{err}
	}
	return nil
}

// Tell returns, on all ranks, the text that rank 0 passes.
func Tell(p Peers, text string) (string, error) {
	if p.Rank() > 0 {
		text = ""
	}
	all, err := Gather(p, text)
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// Gather returns, on all ranks, the text that each rank passes.
func Gather(p Peers, text string) (all []string, err error) {
	if p.Size() == 1 {
		return []string{text}, nil
	}
	lengths := make([]float64, p.Size())
	lengths[p.Rank()] = float64(len(text))
	if lengths, err = p.SumScalars(lengths); err != nil {
		return nil, err
	}
	whole, before := 0, 0
	for rank, n := range lengths {
		if rank < p.Rank() {
			before += int(n)
		}
		whole += int(n)
	}
	bytes := make([]float64, whole)
	for i := range len(text) {
		bytes[before+i] = float64(text[i])
	}
	if bytes, err = p.SumScalars(bytes); err != nil {
		return nil, err
	}
	for _, n := range lengths {
		var b strings.Builder
		for _, x := range bytes[:int(n)] {
			b.WriteByte(byte(x))
		}
		all, bytes = append(all, b.String()), bytes[int(n):]
	}
	return all, nil
}

// Alike checks that the ranks were started alike, as a [Trainer] does: by the same program, on the
// same instruction set, with the same weights, and with the same value for each name in named. If
// not, it fails on all ranks: a rank that differs says in what, and the others say which rank has
// failed.
func Alike(p Peers, params *graph.Params, named ...[2]string) error {
	if p == nil || p.Size() == 1 {
		return nil
	}
	program, err := thisProgram()
	facts := append([][2]string{{"program", program}, {"instruction set", kernel.ISA()}}, named...)
	if err == nil && params != nil {
		facts = append(facts, [2]string{"weights", weightsMark(params.All())})
	}
	mine, said := err, make([]float64, p.Size())
	for _, f := range facts {
		theirs, err := Tell(p, f[1])
		if err != nil {
			return err
		}
		if mine == nil && theirs != f[1] {
			mine = differs(p, f[0], f[1], theirs)
		}
	}
	if mine != nil {
		said[p.Rank()] = 1
	}
	if said, err = p.SumScalars(said); err != nil {
		return err
	}
	if other := slices.Index(said, 1); mine == nil && other >= 0 {
		return fmt.Errorf("rank %d of %d has failed; see its error message", other, p.Size())
	}
	return mine
}

// differs returns the error for a rank whose value differs from that of rank 0.
func differs(p Peers, what, mine, theirs string) error {
	has, first := firstOther(mine, theirs)
	return fmt.Errorf("rank %d of %d differs from rank 0 in its %s: %.300q, not %.300q", p.Rank(), p.Size(), what, has, first)
}

// weightsMark returns a checksum of weights.
func weightsMark(params []*graph.Param) string {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli)) // for which processors have an instruction
	for _, p := range params {
		if w, _ := p.Packed(); w != nil {
			for _, part := range [][]byte{w.Codes, w.Scales, w.Offsets} {
				_, _ = sum.Write(part)
			}
			continue
		}
		x := p.Data()
		_, _ = sum.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))) // writing to a hash returns no error
	}
	return fmt.Sprintf("sum %08x", sum.Sum32())
}

// thisProgram identifies the running program by its version and by a hash of its file.
var thisProgram = sync.OnceValues(func() (string, error) {
	version := "gorgpt"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = fmt.Sprintf("%s %s (%s)", info.Main.Path, info.Main.Version, info.GoVersion)
	}
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, file %x", version, sum.Sum(nil)[:6]), nil
})
