//go:build linux || darwin || freebsd

package checkpoint

import (
	"fmt"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func init() { children["save-limited"] = saveLimited }

// limit is less than the size of nano's weights.
const limit = 2000

// saveLimited saves while the system refuses to write files of more than limit bytes, so that saving fails in
// the middle of a file, as on a full disk.
func saveLimited(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	ps, err := nanoParams(9)
	if err != nil {
		return err
	}
	err = Save(dir, Contents{Config: []byte(nanoConfig), Params: ps})
	if err == nil {
		return fmt.Errorf("no error")
	}
	fmt.Println(err)
	return nil
}

func TestDiskFull(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "step-1")
	want := nano(t, 1)
	if err := Save(dir, Contents{Config: []byte(nanoConfig), Params: want}); err != nil {
		t.Fatal(err)
	}
	out, err := child(t, "save-limited", dir).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, want := strings.TrimSpace(string(out)), dir+": model.safetensors: file too large"; got != want {
		t.Errorf("error\n\t%s\nwant\n\t%s", got, want)
	}
	wantNames(t, parent, "step-1")
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := nano(t, 2)
	if err := c.Params(got); err != nil {
		t.Fatal(err)
	}
	sameParams(t, got, want)
}
