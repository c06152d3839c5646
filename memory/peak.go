package memory

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
)

// Peak returns the largest resident memory of the process so far: as reported by Linux, or
// elsewhere what Go has obtained from the system.
func Peak() int64 { return status("VmHWM") }

// Resident returns the current resident memory of the process.
func Resident() int64 { return status("VmRSS") }

func status(field string) int64 {
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range bytes.Lines(text) {
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
