package cli

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
)

// peakBytes is the most memory that the process had resident: what Linux says, or
// elsewhere what Go got from the system.
func peakBytes() int64 { return memory("VmHWM") }

// residentBytes is the memory that the process has resident now.
func residentBytes() int64 { return memory("VmRSS") }

func memory(field string) int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range bytes.Lines(status) {
			var kilobytes int64
			if n, _ := fmt.Sscanf(string(line), field+": %d kB", &kilobytes); n == 1 {
				return kilobytes << 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
