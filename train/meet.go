package train

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"unsafe"

	"github.com/gorgpt/gorgpt/internal/kernel"
)

// fact is something that ranks have in common, or their run is none.
type fact struct{ what, value string }

// meet checks that the ranks are at the same point of the same run.
func (r *run) meet() error {
	if r.peers.Size() == 1 {
		return nil
	}
	place, err := r.Task.State()
	if err != nil {
		err = fmt.Errorf("position of the training data: %w", err)
	}
	program, mine := thisProgram()
	facts := []fact{
		{"program", program}, {"instruction set", kernel.ISA()},
		{"seed", fmt.Sprint(r.Seed)}, {"number of steps", fmt.Sprint(r.Steps)}, {"StopAfter", fmt.Sprint(r.StopAfter)},
		{"EvalEvery", fmt.Sprint(r.EvalEvery)}, {"EvalFrom", fmt.Sprint(r.EvalFrom)}, {"validation", fmt.Sprint(r.validator != nil)},
		{"setting", r.Settings}, {"step", fmt.Sprint(r.at.Step)}, {"training data", string(place)},
		{"number of weights", fmt.Sprint(r.Params.Count())},
	}
	if err = cmp.Or(err, mine); err == nil {
		facts = append(facts, fact{"weights", r.weightsMark()})
	}
	return r.compare(facts, err)
}

// compare fails on all ranks unless their facts are those of rank 0, or if one has an error.
func (r *run) compare(facts []fact, mine error) error {
	if _, err := r.agree(0, nil, mine); err != nil {
		return err
	}
	for _, f := range facts {
		theirs, err := Tell(r.peers, f.value)
		if err == nil && theirs != f.value {
			has, first := firstOther(f.value, theirs)
			err = fmt.Errorf("rank %d of %d differs from rank 0 in its %s: %.300q, not %.300q", r.peers.Rank(), r.peers.Size(), f.what, has, first)
		}
		if _, err = r.agree(0, nil, err); err != nil {
			return err
		}
	}
	return nil
}

// same checks that the ranks still have the same weights.
func (r *run) same() error {
	if r.peers.Size() == 1 {
		return nil
	}
	if err := r.compare([]fact{{"weights", r.weightsMark()}}, nil); err != nil {
		return unsaved{err}
	}
	return nil
}

// Tell returns what rank 0 calls it with, on all ranks.
func Tell(p Peers, text string) (string, error) {
	if p.Size() == 1 {
		return text, nil
	}
	first := p.Rank() == 0
	length := []float64{0}
	if first {
		length[0] = float64(len(text))
	}
	length, err := p.SumScalars(length)
	if err != nil {
		return "", err
	}
	bytes := make([]float64, int(length[0]))
	if first {
		for i := range bytes {
			bytes[i] = float64(text[i])
		}
	}
	if bytes, err = p.SumScalars(bytes); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, x := range bytes {
		b.WriteByte(byte(x))
	}
	return b.String(), nil
}

// weightsMark tells weights apart.
func (r *run) weightsMark() string {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli)) // of which processors have an instruction
	for _, p := range r.inOrder {
		x := p.Data()
		_, _ = sum.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))) // which has no errors
	}
	return fmt.Sprintf("sum %08x", sum.Sum32())
}

// thisProgram tells programs apart: by version, and by what is in the file.
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
