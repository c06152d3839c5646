package cluster

import (
	"os"
	"strings"
)

// forgetLauncher removes the launcher's variables from the environment.
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

// leaveCode asks libraries not to watch memory by patching the code of mmap and similar functions,
// as UCX does to libc's while it is being loaded: another thread may be executing that code, for
// the garbage collector, and would run half an instruction. Go returns memory by its own system
// calls, so what the libraries record by watching could be wrong anyway. A value set by the user is
// kept.
func leaveCode() error {
	const name = "UCX_MEM_MMAP_HOOK_MODE"
	if _, set := os.LookupEnv(name); set {
		return nil
	}
	return os.Setenv(name, "none")
}
