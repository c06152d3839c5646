//go:build (amd64 || arm64) && !nompi

package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorgpt/gorgpt/run"
)

// TestRanksKilled: a rank that dies at a random moment ends the job, whose last checkpoint is whole, and from which the run
// resumes to the same bits. GORGPT_KILLS is the number of tries, 4 by default.
func TestRanksKilled(t *testing.T) {
	names, paths := families(t)
	tries := 4
	if wanted := os.Getenv("GORGPT_KILLS"); wanted != "" {
		var err error
		if tries, err = strconv.Atoi(wanted); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	mustTrain(t, shared(40, "--out", "one")...)
	done, before := 0, 0
	for i := range tries {
		family := names[i%len(names)]
		dir := fmt.Sprintf("killed %d", i)
		after := 1 + rand.IntN(35)
		var killed atomic.Int64
		out := watched{mark: "val loss", seen: func() { // step 0, after which each step takes 10 milliseconds or more
			time.Sleep(time.Duration(after) * 5 * time.Millisecond)
			killed.Store(time.Now().UnixNano())
			killOne(dir)
		}}
		status := job(t, paths[family], 2, &out, shared(40, "--out", dir)...)
		if status == 0 {
			done++ // finished before it could be killed
			continue
		}
		if took := time.Since(time.Unix(0, killed.Load())); strings.Contains(out.String(), "done:") || took > time.Minute {
			t.Errorf("%s: status %d %v after a rank was killed:\n%s", dir, status, took, &out)
		}
		if _, err := os.Stat(filepath.Join(dir, "checkpoints/latest")); err != nil {
			before++ // killed before the first checkpoint
			continue
		}
		out = watched{}
		if status := job(t, paths[family], 4, &out, "train", "--resume", dir); status != 0 {
			t.Fatalf("%s: status %d\n%s", dir, status, &out)
		}
		sameRun(t, dir, "one")
	}
	t.Logf("of %d runs, %d were done before their rank was killed, %d had no checkpoint yet, %d went on", tries, done, before, tries-done-before)
}

// killOne kills one of the processes of a run.
func killOne(dir string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		args := strings.Split(string(line), "\x00")
		if err == nil && len(args) > 1 && args[1] == "train" && strings.Contains(string(line), "\x00--out\x00"+dir+"\x00") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return
		}
	}
}

// TestRanksOfOtherPrograms: ranks of another version, with another precision, or at another step of a run are detected before
// the first step; a library of another family than the launcher's is refused before a run is made.
func TestRanksOfOtherPrograms(t *testing.T) {
	names, paths := families(t)
	t.Setenv("GORGPT_ISA", "generic") // supports bfloat16 on every machine
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "gorgpt")
	if err := os.WriteFile(other, append(program, "another"...), 0o777); err != nil {
		t.Fatal(err)
	}
	mustTrain(t, shared(12, "--out", "one", "--stop-after", "3")...)
	if err := os.CopyFS("stale", os.DirFS("one")); err != nil {
		t.Fatal(err)
	}
	mustTrain(t, "train", "--resume", "one", "--stop-after", "6")
	for _, family := range names {
		for _, c := range []struct {
			first, second []string
			want          string
		}{
			{append([]string{self}, shared(6, "--out", "a")...), append([]string{other}, shared(6, "--out", "a")...), `rank 1 of 2 differs from rank 0 in its program: `},
			{append([]string{self}, shared(6, "--out", "a")...), append([]string{self}, shared(6, "--out", "a", "--precision", "bf16")...), `rank 1 of 2 differs from rank 0 in its setting: `},
			{[]string{self, "train", "--resume", "one"}, []string{self, "train", "--resume", "stale"}, `rank 1 of 2 differs from rank 0 in its step: "3", not "6"`},
			{append([]string{self}, shared(6, "--out", "a", "--mpi-library", map[string]string{"Open MPI": "libmpich.so.12", "MPICH": "libmpi.so.40"}[family])...), nil, "they do not match"},
		} {
			if c.second == nil {
				c.second = c.first
			}
			var out watched
			args := append(append([]string{"-n", "1"}, c.first...), ":", "-n", "1")
			if status := launch(t, paths[family], &out, append(args, c.second...)...); status == 0 || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "step 1/") {
				t.Errorf("%s: status %d, want …%s…\n%s", family, status, c.want, &out)
			}
			if _, err := os.Stat("a"); err == nil && c.want == "they do not match" {
				t.Errorf("%s: a run that cannot be has a directory", family)
			}
			if err := os.RemoveAll("a"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRanksFullDisk: if rank 0 cannot write a checkpoint, all ranks end and report its reason; the previous checkpoint is
// whole, and the run resumes from it to the bits of a run that had enough room.
func TestRanksFullDisk(t *testing.T) {
	names, paths := families(t)
	t.Chdir(t.TempDir())
	write(t, "text.txt", text())
	mustTrain(t, shared(12, "--out", "one")...)
	for _, family := range names {
		const disk = "disk"
		if err := os.MkdirAll(disk, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err != nil {
			t.Skipf("a small disk cannot be mounted: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(disk, 0) }) // in case the test ends before it does so
		dir := filepath.Join(disk, "run")
		var out watched
		if status := job(t, paths[family], 2, &out, shared(12, "--out", dir, "--stop-after", "4")...); status != 0 {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		fill(t, filepath.Join(disk, "others"))
		out = watched{}
		status := job(t, paths[family], 2, &out, "train", "--resume", dir)
		if status == 0 || !strings.Contains(out.String(), "rank 0 of 2: ") || !strings.Contains(out.String(), "no space left on device") || strings.Contains(out.String(), "done:") {
			t.Errorf("%s: status %d\n%s", family, status, &out)
		}
		if err := os.Remove(filepath.Join(disk, "others")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(run.Dir(dir).Latest()); err != nil {
			t.Errorf("%s: the last checkpoint: %v", family, err)
		}
		out = watched{}
		if status := job(t, paths[family], 4, &out, "train", "--resume", dir); status != 0 {
			t.Fatalf("%s: status %d\n%s", family, status, &out)
		}
		sameRun(t, dir, "one")
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
