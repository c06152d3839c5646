//go:build !linux || (!amd64 && !arm64) || nompi

package cluster

import (
	"fmt"
	"runtime"
)

func connect(l Launch, _ string) (backend, error) {
	return nil, fmt.Errorf("cluster: started by %s, but this gorgpt has no MPI: it is supported on linux on amd64 and arm64, without the build tag nompi; this is %s on %s", l.By, runtime.GOOS, runtime.GOARCH)
}
