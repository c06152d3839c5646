package run

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/gorgpt/gorgpt/store"
)

// TestPruneSent: of the checkpoints in a store, those in keep remain, and the last two by step number, even
// after step 999999, where names have more digits.
func TestPruneSent(t *testing.T) {
	const url = "mem://prune/checkpoints"
	for _, step := range []string{"step-999000", "step-999500", "step-1000000", "step-1000500"} {
		if err := store.Write(store.Join(url, step, "config.json"), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := pruneSent(url, []string{"step-999000"}); err != nil {
		t.Fatal(err)
	}
	for step, want := range map[string]bool{"step-999000": true, "step-999500": false, "step-1000000": true, "step-1000500": true} {
		_, err := store.Stat(store.Join(url, step, "config.json"))
		if there := err == nil; there != want || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: there %t, %v; want %t", step, there, err, want)
		}
	}
}
