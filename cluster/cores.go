package cluster

import (
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// ShareCores makes this process use its part of the cores that it shares with other ranks on the
// same machine, unless GOMAXPROCS is set in the environment. It returns a warning if the launcher
// confines ranks to fewer cores than there are.
func (w *World) ShareCores() (warning string, err error) {
	if w.size == 1 {
		return "", nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	allowed, online := coreLists()
	mine := make([]float64, 2*w.size)
	mine[w.rank], mine[w.size+w.rank] = mark(host+" "+allowed), mark(host)
	all, err := w.SumScalars(mine)
	if err != nil {
		return "", err
	}
	sharers, here := count(all[:w.size], mine[w.rank]), count(all[w.size:], mine[w.size+w.rank])
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/sharers))
	}
	if used, there := coresIn(allowed), coresIn(online); sharers < here && used*here/sharers < there {
		warning = fmt.Sprintf("the launcher restricts each rank to %d of this machine's %d cores; with Open MPI, mpirun --bind-to none avoids this", used, there)
	}
	return warning, nil
}

// mark returns a number that distinguishes texts.
func mark(text string) float64 { return 1 + float64(crc32.ChecksumIEEE([]byte(text))) }

func count(all []float64, x float64) (n int) {
	for _, y := range all {
		if y == x {
			n++
		}
	}
	return n
}

// coreLists returns the cores that this process may use, and those of the machine, in Linux's
// notation: "0-3,8". On other systems both are empty.
func coreLists() (allowed, online string) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			allowed = strings.TrimSpace(list)
		}
	}
	all, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return allowed, ""
	}
	return allowed, strings.TrimSpace(string(all))
}

// coresIn returns the number of cores in a list, 0 if it cannot be parsed.
func coresIn(list string) (n int) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		from, err := strconv.Atoi(first)
		if err != nil {
			return 0
		}
		to, err := strconv.Atoi(last)
		if err != nil {
			return 0
		}
		n += to - from + 1
	}
	return n
}
