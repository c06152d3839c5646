package cluster

import (
	"os"
	"strings"
)

// forgetLauncher takes the launcher's variables out of the environment.
func forgetLauncher() error {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				if err := os.Unsetenv(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// leaveCode asks libraries not to watch memory by changing the code of mmap and its like, as UCX does to that of libc while it is
// loaded: another thread may be at it, for the garbage collector, and would run half of an instruction. Go gives memory back by system calls
// of its own, so that what they remember of it by such watching could be wrong anyway. What the user has set stays.
func leaveCode() error {
	const name = "UCX_MEM_MMAP_HOOK_MODE"
	if _, set := os.LookupEnv(name); set {
		return nil
	}
	return os.Setenv(name, "none")
}
