package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// random returns a generator whose numbers depend only on the arguments, so
// that each decision can be reproduced from the position where it was made.
func random(what string, at ...uint64) *rand.Rand {
	b := []byte(what)
	for _, x := range at {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return rand.New(rand.NewChaCha8(sha256.Sum256(b)))
}
