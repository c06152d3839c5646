package family

import (
	"path"
	"regexp"
	"strings"
)

// commonBuffers are what the files of transformers' models hold beside the weights of the body and
// its head: heads for other tasks, the numbers from 0 on, and the frequencies of rotary positions.
var commonBuffers = regexp.MustCompile(`^(multiple_choice_head|score|classifier|qa_outputs)\.|^position_ids$|\.inv_freq$`)

// IsBuffer tells whether a tensor of a file is none of a model's weights, and nothing that its
// results depend on. One of the family's Buffers is a mask of shape (1, 1, T, T), or the one
// number that stands for masked places.
func IsBuffer(buffers []string, name string, shape []int) bool {
	if commonBuffers.MatchString(name) {
		return true
	}
	for _, pattern := range buffers {
		if ok, err := path.Match(strings.ReplaceAll(pattern, ".", "/"), strings.ReplaceAll(name, ".", "/")); ok && err == nil {
			return len(shape) == 0 || len(shape) == 1 && shape[0] == 1 ||
				len(shape) == 4 && shape[0] == 1 && shape[1] == 1 && shape[2] == shape[3]
		}
	}
	return false
}
