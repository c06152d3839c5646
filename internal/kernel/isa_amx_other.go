//go:build amd64 && !noasm && !linux

package kernel

import "errors"

// askForAMX returns an error: how other systems give programs access to AMX is not known here.
func askForAMX() error { return errors.New("AMX is supported only on Linux") }
