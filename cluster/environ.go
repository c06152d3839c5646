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
