//go:build amd64 && !noasm && !linux

package kernel

import "errors"

// askForAMX refuses: how other systems give AMX to programs is not known here.
func askForAMX() error { return errors.New("AMX is used on Linux alone") }
