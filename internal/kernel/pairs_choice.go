package kernel

import (
	"os"
	"slices"
	"sync"
)

// supportedPairs holds the instruction sets of this machine for products in bfloat16, best first, and activePairs
// is the one in use, or nil if there is none; noPairs says why. settlePairs finds them when they are first
// needed, since AMX has to be requested from the system.
var (
	supportedPairs []*isa
	activePairs    *isa
	noPairs        error
)

var settlePairs = sync.OnceFunc(func() {
	supportedPairs, noPairs = nativePairs()
	supportedPairs = append(supportedPairs, &genericPairs)
	activePairs = choosePairs(os.Getenv("GORGPT_ISA"))
})

// choosePairs is choose for bfloat16. The empty string and unknown names select the best set that is worth using.
// Plain Go is used only if it is named, and the name of a set without bfloat16 products selects none.
func choosePairs(name string) *isa {
	if i := slices.IndexFunc(supportedPairs, func(s *isa) bool { return s.name == name }); i >= 0 {
		return supportedPairs[i]
	}
	named := slices.ContainsFunc(supported, func(s *isa) bool { return s.name == name })
	if best := supportedPairs[0]; best != &genericPairs && !named {
		return best
	}
	return nil
}
