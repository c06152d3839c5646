package checkpoint

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gorgpt/gorgpt/checkpoint/weights"
)

// childEnv is set for a test binary that is to be the process that crashes. Its value is what to do, a space,
// and the checkpoint's path.
const childEnv = "GORGPT_CHECKPOINT_CHILD"

// children are the things a crashing process can do.
var children = map[string]func(dir string) error{
	"die-filling": dieFilling,
	"save-on":     saveOn,
	"save-model":  saveModel,
}

func TestMain(m *testing.M) {
	var what, dir string
	if n, _ := fmt.Sscanf(os.Getenv(childEnv), "%s %s", &what, &dir); n == 2 {
		if err := children[what](dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child prepares a process that does what to the checkpoint dir.
func child(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+what+" "+dir)
	return cmd
}

// dieFilling kills its own process in the middle of a file.
func dieFilling(dir string) error {
	return Write(dir, func(temp string) error {
		if err := os.WriteFile(filepath.Join(temp, weightsName), []byte("half"), 0o666); err != nil {
			return err
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := self.Kill(); err != nil {
			return err
		}
		select {} // the signal is on its way
	})
}

// saveOn replaces one checkpoint forever, each time with another value, which is the same in all of its
// files. It prints a dot after each file and after each replacement.
func saveOn(dir string) error {
	for i := 0; ; i++ {
		x := make([]float32, 1<<14)
		for j := range x {
			x[j] = float32(i)
		}
		err := Write(dir, func(temp string) error {
			for _, name := range []string{configName, "a", "b"} {
				if err := os.WriteFile(filepath.Join(temp, name), weights.Bytes(x), 0o666); err != nil {
					return err
				}
				fmt.Print(".")
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Print(".")
	}
}

// saveModel saves one model forever, with all weights 0, then all 1, and so on, alternating between one file
// and several. It prints a dot after each save.
func saveModel(dir string) error {
	ps, err := nanoParams(1)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		for _, p := range ps.All() {
			for j := range p.Data() {
				p.Data()[j] = float32(i)
			}
		}
		if err := Save(dir, Contents{Config: []byte(nanoConfig), Params: ps, ShardBytes: int64(i % 2 * 500)}); err != nil {
			return err
		}
		fmt.Print(".")
	}
}

// TestKilledWhileSaving kills a process that is saving, and loads what is there: all weights
// must be from the same save.
func TestKilledWhileSaving(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "latest")
	for i := range 6 {
		cmd := child(t, "save-model", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1+i)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // the error says that it was killed
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		ps := nano(t, 1)
		if err := d.MapParams(ps); err != nil {
			t.Fatal(err)
		}
		want := ps.All()[0].Data()[0]
		if want < float32(i) {
			t.Errorf("all weights are %v, want those of the last save, %d or later", want, i)
		}
		for _, p := range ps.All() {
			if j := slices.IndexFunc(p.Data(), func(v float32) bool { return v != want }); j >= 0 {
				t.Errorf("%s: %v at %d, want %v: of two saves", p.Name(), p.Data()[j], j, want)
			}
		}
	}
}

func TestKilledWhileFilling(t *testing.T) {
	parent := t.TempDir()
	for _, dir := range []string{"step-1", "step-2"} { // one that exists, one that does not
		if err := Write(filepath.Join(parent, "step-1"), fillWith(t, "good")); err != nil {
			t.Fatal(err)
		}
		wantNames(t, parent, "step-1") // the leftovers of the previous crash are gone
		if err := child(t, "die-filling", filepath.Join(parent, dir)).Run(); err == nil {
			t.Fatal("the process lives")
		}
		left, err := filepath.Glob(filepath.Join(parent, tempPrefix+dir+"-*", weightsName))
		if err != nil || len(left) != 1 {
			t.Errorf("leftovers %q, %v; want one: was it killed too early?", left, err)
		}
		wantFile(t, filepath.Join(parent, "step-1", "a"), "good")
		if _, err := Open(filepath.Join(parent, "step-2")); err == nil {
			t.Error("a checkpoint that was never finished opens")
		}
	}
}

// TestKilledAnytime: whenever a process that keeps replacing a checkpoint is killed, the
// checkpoint is complete afterwards.
func TestKilledAnytime(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "step-1")
	for i := range 8 { // twice the number of dots of one replacement
		cmd := child(t, "save-on", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Wait until the first checkpoint is complete, and then a little longer each time.
		if _, err := io.ReadFull(out, make([]byte, 4+i)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // the error says that it was killed
		c, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var texts [3]string
		for j, name := range []string{configName, "a", "b"} {
			text, err := os.ReadFile(filepath.Join(c.Path(), name))
			if err != nil {
				t.Fatal(err)
			}
			texts[j] = string(text)
		}
		if len(texts[0]) != 4<<14 || texts[0] != texts[1] || texts[1] != texts[2] {
			t.Errorf("files of %d, %d, %d bytes, of different checkpoints or cut short", len(texts[0]), len(texts[1]), len(texts[2]))
		}
	}
	if err := Write(filepath.Join(parent, "step-2"), fillWith(t, "x")); err != nil {
		t.Fatal(err)
	}
	wantNames(t, parent, "step-1", "step-2")
}
