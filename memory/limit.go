// Package memory determines how much memory this process may use, and refuses in advance what takes
// more: Go would end a process that asks for too much with a dump of its goroutines instead of a
// reason, and a control group would end it silently.
package memory

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Limit is how much memory a process may use.
type Limit struct {
	Bytes int64  // including swap; 0 if not known
	Whose string // what sets it; "" means the machine
}

// Machine returns the limit of this process. It is read once, at the first call: by the time of
// later calls, what the process has taken would be counted twice, in its own figures and in those
// compared with the limit.
var Machine = sync.OnceValue(func() Limit { return limitOf(os.DirFS("/")) })

// limitOf reads the limit of this process from a Linux system's files: the machine's memory, or
// less if a control group or setrlimit allows less. A group's limit holds for the groups inside it,
// so the least of those on the path to the root counts; in a container, the outermost visible group
// is its own. Of what setrlimit allows, as ulimit -v does, the program itself and what Go reserves
// is already taken.
func limitOf(system fs.FS) Limit {
	total, swap := machineMemory(system)
	limit := Limit{Bytes: total + swap}
	if limit.Bytes == 0 {
		return limit
	}
	for _, r := range []struct{ limit, taken, whose string }{
		{"Max address space", "VmSize:", "its address space limit, ulimit -v"},
		{"Max data size", "VmData:", "its data size limit, ulimit -d"},
	} {
		if bytes := resourceLimit(system, r.limit, r.taken); bytes < limit.Bytes {
			limit = Limit{max(1, bytes), r.whose} // 0 would mean not known
		}
	}
	lower := func(bytes int64) {
		if bytes < limit.Bytes {
			limit = Limit{bytes, "its cgroup"}
		}
	}
	groups, err := fs.ReadFile(system, "proc/self/cgroup")
	if err != nil {
		return limit
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(parts) != 3 {
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			switch {
			case parts[1] == "": // version 2
				dir := path.Join("sys/fs/cgroup", at)
				lower(plus(groupLimit(system, dir, "memory.max"), min(swap, groupLimit(system, dir, "memory.swap.max"))))
			case strings.Contains(","+parts[1]+",", ",memory,"):
				dir := path.Join("sys/fs/cgroup/memory", at)
				lower(plus(groupLimit(system, dir, "memory.limit_in_bytes"), swap))
				lower(groupLimit(system, dir, "memory.memsw.limit_in_bytes")) // includes swap
			}
			if at == "/" {
				break
			}
		}
	}
	return limit
}

// machineMemory reads the machine's memory and swap from /proc/meminfo, in bytes.
func machineMemory(system fs.FS) (total, swap int64) {
	info, err := fs.ReadFile(system, "proc/meminfo")
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(info) {
		for field, to := range map[string]*int64{"MemTotal:": &total, "SwapTotal:": &swap} {
			var kilobytes int64
			if n, _ := fmt.Sscanf(string(line), field+" %d kB", &kilobytes); n == 1 && kilobytes >= 0 && kilobytes < math.MaxInt64>>12 {
				*to = kilobytes << 10
			}
		}
	}
	return total, swap
}

// resourceLimit reads how much of a resource setrlimit still leaves this process, given what the
// process has taken.
func resourceLimit(system fs.FS, name, taken string) int64 {
	limits, _ := fs.ReadFile(system, "proc/self/limits") // without the file, there is no limit
	for line := range strings.Lines(string(limits)) {
		rest, ok := strings.CutPrefix(line, name)
		fields := strings.Fields(rest) // soft, hard, unit
		if !ok || len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil { // "unlimited"
			break
		}
		status, _ := fs.ReadFile(system, "proc/self/status")
		for line := range strings.Lines(string(status)) {
			var kilobytes int64
			if k, _ := fmt.Sscanf(line, taken+" %d kB", &kilobytes); k == 1 && kilobytes >= 0 && kilobytes < n>>10 {
				n -= kilobytes << 10
			}
		}
		return n
	}
	return math.MaxInt64
}

// groupLimit reads a limit of a control group; "max", or a missing file, means no limit.
func groupLimit(system fs.FS, dir, name string) int64 {
	text, err := fs.ReadFile(system, path.Join(dir, name))
	if err != nil {
		return math.MaxInt64
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		return math.MaxInt64
	}
	return n
}

// plus adds limits, where the largest int64 means no limit.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
