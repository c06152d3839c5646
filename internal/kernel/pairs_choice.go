package kernel

import (
	"os"
	"slices"
	"sync"
)

// supportedPairs holds the instruction sets of this machine for products in bfloat16, best first, and activePairs the one in use, nil if
// there is none; noPairs says why. settlePairs finds them when they are first wanted, as AMX has to be asked for.
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

// choosePairs is choose for bfloat16, where "" and an unknown name stand for the best that is worth it: plain Go is only for who
// names it, as are no such products for who names a set that has none.
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
