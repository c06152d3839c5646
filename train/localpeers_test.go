package train

import "github.com/gorgpt/gorgpt/internal/localranks"

// localPeers returns so many ranks within one process, for a [Trainer] each, that run in
// goroutines of their own. They add up in a fixed tree: ranks 0 and 1, 2 and 3, then these.
func localPeers(size int) (all []Peers) {
	for _, r := range localranks.New(size) {
		all = append(all, r)
	}
	return all
}
