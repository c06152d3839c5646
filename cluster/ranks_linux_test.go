//go:build (amd64 || arm64) && !nompi

package cluster

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// TestMain runs the program that a launcher starts, or else the tests.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "rank" {
		if err := rankProgram(os.Args[2:]); err != nil {
			if err != errSaid {
				fmt.Fprintln(os.Stderr, "gorgpt:", err)
			}
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// errSaid stands for an error that was printed before the rank left, as the command does: once one rank has
// ended, launchers end the others.
var errSaid = errors.New("said")

// rankProgram makes steps of sums; in the third step, rank 1 may fail in some way.
func rankProgram(args []string) error {
	f := flag.NewFlagSet("rank", flag.ContinueOnError)
	var o Options
	f.StringVar(&o.Library, "library", "", "")
	f.DurationVar(&o.Patience, "patience", 0, "")
	fast := f.Bool("fast", false, "")
	fault := f.String("fault", "", "")
	steps := f.Int("steps", 4, "")
	check := f.Bool("check", false, "")
	bad := f.Int("train", -2, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, unix.SIGUSR1)
	before := codeOfMaps()
	w, err := Open(o)
	if err != nil {
		return err
	}
	if codeOfMaps() != before {
		return errors.Join(errors.New("the library has changed the code of mmap and its like, which other threads may be at"), w.Close())
	}
	w.Fast = *fast
	if *bad > -2 {
		err = trainLine(w, *bad)
	} else {
		err = makeSteps(w, told, *steps, *check, *fault)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gorgpt:", err)
		w.Leave(err)
		if err = w.Close(); err == nil {
			err = errSaid
		}
		return err
	}
	if err = w.Close(); err == nil && w.Rank() == 0 {
		fmt.Println("done")
	}
	return err
}

// codeOfMaps returns the first bytes of the libc functions from which Go gets its memory. They show whether a
// library has patched them.
func codeOfMaps() (code [4][16]byte) {
	for i, name := range []string{"mmap", "munmap", "madvise", "mremap"} {
		if at, err := purego.Dlsym(purego.RTLD_DEFAULT, name); err == nil {
			code[i] = **(**[16]byte)(unsafe.Pointer(&at))
		}
	}
	return code
}

func makeSteps(w *World, told <-chan os.Signal, steps int, check bool, fault string) error {
	warning, err := w.ShareCores()
	if err != nil {
		return err
	}
	fmt.Printf("%v, %d of %d cores %s, children are told: %v\n", w, runtime.GOMAXPROCS(0), runtime.NumCPU(), warning, launcherVariables())
	if check {
		for model := 1; model <= w.Size(); model++ {
			if w.Size()%model == 0 {
				if err := checkGrid(w, model); err != nil {
					return err
				}
			}
		}
		return checkSums(w)
	}
	for step := range steps {
		w.At(fmt.Sprintf("step %d", step))
		if step == 2 && w.Rank() == 1 {
			if err := fail(w, fault); err != nil {
				return err
			}
		}
		stop := 0.0
		select {
		case <-told:
			stop = 1
		default:
		}
		sums, err := w.SumScalars([]float64{stop})
		if err != nil {
			return err
		}
		if w.Rank() == 0 {
			fmt.Println("made step", step)
		}
		if sums[0] > 0 {
			fmt.Printf("rank %d stops after step %d\n", w.Rank(), step)
			return nil
		}
		if steps > 4 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// launcherVariables returns the launcher's variables that are still in the environment.
func launcherVariables() (names []string) {
	for _, kv := range os.Environ() {
		for _, p := range prefixes {
			if strings.HasPrefix(kv, p) {
				names = append(names, kv)
			}
		}
	}
	return names
}

func fail(w *World, fault string) error {
	switch fault {
	case "kill":
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	case "exit 0":
		os.Exit(0)
	case "exit 3":
		os.Exit(3)
	case "panic":
		panic("a test's own")
	case "nil":
		var p *int
		*p = 1
	case "hang":
		time.Sleep(time.Hour)
	case "leave":
		return errors.New("a test's own error")
	case "differ":
		return w.Sum(make([]float32, 7))
	case "usr1": // to the thread that is running, where Go's handler needs a signal stack
		if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGUSR1); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// launcher is the launcher of an MPI family. Debian's names of the command come first, because mpirun may
// belong to either family there.
type launcher struct {
	family   string
	commands []string
	library  string
}

var installed = []launcher{
	{OpenMPI, []string{"mpirun.openmpi", "mpirun"}, "libmpi.so.40"},
	{MPICH, []string{"mpiexec.mpich", "mpiexec.hydra"}, "libmpich.so.12"},
}

// path returns the launcher's path. If there is none, the test is skipped, or fails if REQUIRE_MPI=1.
func (l launcher) path(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("short: no job of MPI is started")
	}
	for _, c := range l.commands {
		if path, err := exec.LookPath(c); err == nil {
			return path
		}
	}
	if os.Getenv("REQUIRE_MPI") == "1" {
		t.Fatalf("no %s: install openmpi-bin and mpich", l.commands[0])
	}
	t.Skipf("no %s: install openmpi-bin and mpich", l.commands[0])
	return ""
}

// job is the result of a job.
type job struct {
	out    string
	status int
	took   time.Duration
}

// start runs ranks of this program. If s is a signal, the launcher gets it after the first step.
func (l launcher) start(t *testing.T, ranks int, s syscall.Signal, args ...string) job {
	t.Helper()
	path := l.path(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"-n", fmt.Sprint(ranks), self, "rank"}, args...)...)
	cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
		"OMPI_MCA_rmaps_base_oversubscribe=1", "OMPI_MCA_hwloc_base_binding_policy=none")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out := &output{}
	if s != 0 {
		out.mark, out.seen = "made step 1", func() { _ = cmd.Process.Signal(s) }
	}
	cmd.Stdout, cmd.Stderr = out, out
	began := time.Now()
	_ = cmd.Run() // its exit status is checked instead
	return job{out.String(), cmd.ProcessState.ExitCode(), time.Since(began)}
}

// output collects output, and calls seen once it contains mark.
type output struct {
	mu   sync.Mutex
	all  bytes.Buffer
	mark string
	seen func()
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all.Write(p)
	if o.seen != nil && bytes.Contains(o.all.Bytes(), []byte(o.mark)) {
		o.seen()
		o.seen = nil
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

// TestJobs covers every way in which a job of two or more ranks can end, under both families. A job succeeded
// if and only if it says so; of the launcher's exit status, only a nonzero value is reliable.
func TestJobs(t *testing.T) {
	for _, l := range installed {
		t.Run(l.family, func(t *testing.T) {
			for _, c := range []struct {
				name   string
				ranks  int
				args   []string
				signal syscall.Signal
				good   bool
				want   string
			}{
				{"sums", 2, []string{"-check"}, 0, true, "rank 1 of 2, by " + l.family},
				{"sums of 3", 3, []string{"-check"}, 0, true, ""},
				{"sums of 4", 4, []string{"-check"}, 0, true, ""},
				{"the library's sums", 2, []string{"-check", "-fast"}, 0, true, ""},
				{"cores and children", 2, nil, 0, true, fmt.Sprintf(", %d of %d cores , children are told: []", max(1, runtime.GOMAXPROCS(0)/2), runtime.NumCPU())},
				{"the launcher is told to stop", 2, []string{"-steps", "500"}, syscall.SIGUSR1, true, ""},
				{"a thread at work gets SIGUSR1", 2, []string{"-fault", "usr1"}, 0, true, "rank 0 stops after step"},
				{"killed", 2, []string{"-fault", "kill"}, 0, false, ""},
				{"exits with a status", 2, []string{"-fault", "exit 3"}, 0, false, ""},
				{"panics", 2, []string{"-fault", "panic"}, 0, false, "panic: a test's own"},
				{"nil is a panic of Go's", 2, []string{"-fault", "nil"}, 0, false, "panic: runtime error: invalid memory address"},
				{"leaves", 3, []string{"-fault", "leave"}, 0, false, "gorgpt: rank 1 has stopped: a test's own error"},
				{"calls differ", 2, []string{"-fault", "differ"}, 0, false, "rank 0 calls SumScalars of 1 numbers, but rank 1 calls Sum of 7 numbers"},
				{"hangs", 2, []string{"-fault", "hang", "-patience", "2s"}, 0, false, "has waited for the others for 2s, at step 2, in SumScalars of 1 numbers (its call 5), after SumScalars of 1 numbers (its call 4)"},
				{"no library", 2, []string{"-library", "libnone.so.1"}, 0, false, "cluster: no MPI library: libnone.so.1"},
				{"no MPI in the library", 2, []string{"-library", "libm.so.6"}, 0, false, "libm.so.6 is not an MPI library"},
			} {
				t.Run(c.name, func(t *testing.T) {
					j := l.start(t, c.ranks, c.signal, c.args...)
					if (j.status == 0) != c.good || strings.Contains(j.out, "\ndone\n") != c.good || !strings.Contains(j.out, c.want) || j.took > 30*time.Second {
						t.Errorf("status %d after %v, want success %v and …%s…:\n%s", j.status, j.took, c.good, c.want, j.out)
					}
					if c.signal != 0 {
						_, step, _ := strings.Cut(j.out, "rank 0 stops after step ")
						step, _, _ = strings.Cut(step, "\n")
						if step == "" || !strings.Contains(j.out, "rank 1 stops after step "+step+"\n") {
							t.Errorf("the ranks stop at different steps:\n%s", j.out)
						}
					}
				})
			}
			t.Run("exits with 0", func(t *testing.T) {
				if j := l.start(t, 2, 0, "-fault", "exit 0", "-patience", "10s"); strings.Contains(j.out, "\ndone\n") {
					t.Errorf("status %d, and it says that it is done:\n%s", j.status, j.out)
				}
			})
			t.Run("a library of the other family", func(t *testing.T) {
				for _, other := range installed {
					if other.family == l.family {
						continue
					}
					other.path(t)
					j := l.start(t, 2, 0, "-library", other.library)
					if j.status == 0 || !strings.Contains(j.out, "they do not match") || strings.Contains(j.out, "made step") {
						t.Errorf("status %d:\n%s", j.status, j.out)
					}
				}
			})
		})
	}
}
