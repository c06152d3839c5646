//go:build (amd64 || arm64) && !nompi

package cluster

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// abi holds the constants of mpi.h that differ between families: handles are addresses of objects
// in Open MPI, and numbers in MPICH. All are uintptr because MPI_IN_PLACE is the address 1 or -1,
// which a Go pointer must not hold.
type abi struct {
	family                   string
	world, bytes, float, sum uintptr
	inPlace, errorsReturn    uintptr
	ignoreStatus             uintptr
	handles                  [5]string // objects whose addresses are world, bytes, float, sum and errorsReturn
	libraries                []string  // in order of preference
}

// families are the two supported ones. The numbers of MPICH are those of its ABI initiative
// (https://www.mpich.org/abi), to which Intel MPI, MVAPICH and Cray MPICH adhere.
var families = []abi{
	{
		family: OpenMPI, inPlace: 1, ignoreStatus: 0, libraries: []string{"libmpi.so.40"},
		handles: [5]string{"ompi_mpi_comm_world", "ompi_mpi_byte", "ompi_mpi_float", "ompi_mpi_op_sum", "ompi_mpi_errors_return"},
	},
	{
		family: MPICH, world: 0x44000000, bytes: 0x4c00010d, float: 0x4c00040a, sum: 0x58000003, errorsReturn: 0x54000001,
		inPlace: math.MaxUint, ignoreStatus: 1, libraries: []string{"libmpich.so.12", "libmpi.so.12"}, // the name on Debian; elsewhere
	},
}

const (
	funneled    = 1    // MPI_THREAD_FUNNELED, in both families
	versionSize = 8192 // MPI_MAX_LIBRARY_VERSION_STRING: 256 and 8192
	textSize    = 512  // MPI_MAX_ERROR_STRING: 256 and 512
	spins       = 500  // tests, about a quarter of a millisecond of them, before a wait yields its core
	naps        = 2000 // tests before it sleeps
	nap         = 50 * time.Microsecond
	most        = 1 << 30 // bytes, or numbers, per call: counts are of C's type int
)

// calls are the functions of a library.
var calls = []string{
	"MPI_Get_library_version", "MPI_Init_thread", "MPI_Finalize", "MPI_Error_string", "MPI_Comm_set_errhandler",
	"MPI_Comm_rank", "MPI_Comm_size", "MPI_Isend", "MPI_Irecv", "MPI_Test", "MPI_Bcast", "MPI_Allreduce",
}

// library is a loaded MPI library.
type library struct {
	abi
	file, version    string
	functions        map[string]uintptr
	itsRank, itsSize int32
	restored         []int // signals whose handlers were restored
}

// connect loads the launcher's library, or the named one of any family, and joins its job. It
// restores the signal handlers that the library replaces.
func connect(l Launch, name string) (backend, error) {
	if l.Family == "" && name == "" {
		return nil, l.fits("", "")
	}
	names := []string{name}
	if name == "" {
		for _, f := range families {
			if f.family == l.Family {
				names = f.libraries
			}
		}
	}
	if err := leaveCode(); err != nil {
		return nil, err
	}
	before := currentHandlers()
	m, err := load(names)
	if err == nil && name == "" {
		err = l.fits(m.family, m.about())
	}
	if err == nil {
		err = m.initialize()
	}
	restored := before.restore()
	if err != nil {
		return nil, err
	}
	m.restored = restored
	if err := l.agrees(m.rank(), m.size()); err != nil {
		return nil, errors.Join(err, m.finalize()) // waits for no other process: the world has only this one
	}
	return m, nil
}

// load opens the first of the named libraries that exists.
func load(names []string) (*library, error) {
	var missing []string
	for _, name := range names {
		// Open MPI's plug-ins look up its symbols among those of the whole process.
		handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			missing = append(missing, err.Error())
			continue
		}
		m := &library{file: name, functions: make(map[string]uintptr)}
		for _, f := range calls {
			if m.functions[f], err = purego.Dlsym(handle, f); err != nil {
				return nil, fmt.Errorf("cluster: %s is not an MPI library: it has no %s", name, f)
			}
		}
		return m, m.identify(handle)
	}
	return nil, fmt.Errorf("cluster: no MPI library: %s; install it (Debian: openmpi-bin, or mpich), or name it with --mpi-library", strings.Join(missing, "; "))
}

// identify determines the family of a library.
func (m *library) identify(handle uintptr) error {
	text := make([]byte, versionSize)
	length := new(int32)
	m.raw("MPI_Get_library_version", uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(length)))
	m.version, _, _ = strings.Cut(line(text[:max(0, min(int(*length), versionSize))]), ",")
	if strings.Contains(filepath.Base(m.file), "mpi_abi") {
		return fmt.Errorf("cluster: %s: the common ABI of MPI 5 is not supported; name a library with its own ABI, such as libmpi.so.40 or libmpich.so.12", m.about())
	}
	m.abi = families[1]
	if _, err := purego.Dlsym(handle, families[0].handles[0]); err != nil {
		if strings.HasPrefix(m.version, OpenMPI) {
			return fmt.Errorf("cluster: %s: an Open MPI of an unknown layout", m.about())
		}
		return nil
	}
	m.abi = families[0]
	for i, to := range []*uintptr{&m.world, &m.bytes, &m.float, &m.sum, &m.errorsReturn} {
		var err error
		if *to, err = purego.Dlsym(handle, m.handles[i]); err != nil {
			return fmt.Errorf("cluster: %s: an Open MPI without %s", m.about(), m.handles[i])
		}
	}
	return nil
}

// line returns the first line of a text. Open MPI counts the terminating zero in the length.
func line(text []byte) string {
	s, _, _ := strings.Cut(string(text), "\x00")
	s, _, _ = strings.Cut(s, "\n")
	return strings.Join(strings.Fields(s), " ")
}

// initialize joins the job. From then on, errors are returned as numbers.
func (m *library) initialize() error {
	level := new(int32)
	if status := m.raw("MPI_Init_thread", 0, 0, funneled, uintptr(unsafe.Pointer(level))); status != 0 {
		return fmt.Errorf("cluster: %s: MPI_Init_thread fails with %d", m.about(), status) // no text can be had for the status yet
	}
	err := m.call("MPI_Comm_set_errhandler", m.world, m.errorsReturn)
	if err == nil {
		err = m.call("MPI_Comm_rank", m.world, uintptr(unsafe.Pointer(&m.itsRank)))
	}
	if err == nil {
		err = m.call("MPI_Comm_size", m.world, uintptr(unsafe.Pointer(&m.itsSize)))
	}
	if err == nil && *level < funneled {
		err = fmt.Errorf("cluster: %s: its thread support level is %d, want %d", m.about(), *level, funneled)
	}
	return err
}

// raw calls a function. The directive keeps what the arguments point to alive, and off the stack,
// which may move. Each function between the conversion and the call needs it.
//
//go:uintptrescapes
func (m *library) raw(name string, args ...uintptr) int32 {
	status, _, _ := purego.SyscallN(m.functions[name], args...)
	return int32(status)
}

// call is raw, with the status as an error.
//
//go:uintptrescapes
func (m *library) call(name string, args ...uintptr) error {
	status := m.raw(name, args...)
	if status == 0 {
		return nil
	}
	text := make([]byte, textSize)
	length := new(int32)
	m.raw("MPI_Error_string", uintptr(status), uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(length)))
	return fmt.Errorf("%s: %s", name, line(text[:max(0, min(int(*length), textSize))]))
}

func (m *library) rank() int { return int(m.itsRank) }
func (m *library) size() int { return int(m.itsSize) }

func (m *library) about() string { return fmt.Sprintf("%s (%s)", m.version, m.file) }

// buffer is memory that MPI reads or writes.
type buffer struct {
	runtime.Pinner
	at uintptr
	n  uintptr
}

// pin prevents numbers from being moved until Unpin.
func pin[E byte | float32](b *buffer, x []E) error {
	if len(x) > most {
		return fmt.Errorf("%d numbers at once, want %d at most", len(x), most)
	}
	if b.n = uintptr(len(x)); len(x) > 0 {
		b.Pin(&x[0])
		b.at = uintptr(unsafe.Pointer(&x[0]))
	}
	return nil
}

func (m *library) sending(x []byte, to int) (end func() error) { return m.begin("MPI_Isend", x, to) }

func (m *library) receiving(x []byte, from int) (end func() error) {
	return m.begin("MPI_Irecv", x, from)
}

// begin starts to send or to receive; the function it returns waits for the end. A blocking call
// would occupy a whole core for as long as the other rank is computing.
func (m *library) begin(call string, x []byte, with int) (end func() error) {
	b := new(buffer)
	err := pin(b, x)
	request := new(uint64) // an address, or a 4-byte number
	if err == nil {
		err = m.call(call, b.at, b.n, m.bytes, uintptr(with), 0, m.world, uintptr(unsafe.Pointer(request)))
	}
	return func() error {
		defer b.Unpin()
		done := new(int32)
		for n := 1; err == nil; n++ {
			if err = m.call("MPI_Test", uintptr(unsafe.Pointer(request)), uintptr(unsafe.Pointer(done)), m.ignoreStatus); *done != 0 {
				break
			}
			pause(n)
		}
		return err
	}
}

// pause waits after the n-th test.
func pause(n int) {
	switch {
	case n > naps:
		time.Sleep(min(nap*time.Duration(n-naps), 10*nap))
	case n > spins:
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
}

func (m *library) give(x []byte, from int) error {
	var b buffer
	defer b.Unpin()
	if err := pin(&b, x); err != nil {
		return err
	}
	return m.call("MPI_Bcast", b.at, b.n, m.bytes, uintptr(from), m.world)
}

func (m *library) reduce(x []float32) error {
	var b buffer
	defer b.Unpin()
	if err := pin(&b, x); err != nil {
		return err
	}
	return m.call("MPI_Allreduce", m.inPlace, b.at, b.n, m.float, m.sum, m.world)
}

func (m *library) finalize() error { return m.call("MPI_Finalize") }
