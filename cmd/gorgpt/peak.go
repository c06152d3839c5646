package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
)

// peakBytes is the most memory that the process had resident: what Linux says, or
// elsewhere what Go got from the system.
func peakBytes() int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range bytes.Lines(status) {
			var kilobytes int64
			if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kilobytes); n == 1 {
				return kilobytes << 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
