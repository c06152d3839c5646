package train

import "github.com/gorgpt/gorgpt/internal/localranks"

// localPeers returns size ranks within one process, each for a [Trainer] that runs in its own goroutine. They
// sum in a fixed tree: ranks 0 and 1, ranks 2 and 3, then the two sums.
func localPeers(size int) (all []Peers) {
	for _, r := range localranks.New(size) {
		all = append(all, r)
	}
	return all
}
