package family

import (
	"path"
	"regexp"
	"strings"
)

// commonBuffers matches what files of transformers' models hold besides weights: position ids, and the frequencies of
// rotary positions.
var commonBuffers = regexp.MustCompile(`^position_ids$|\.inv_freq$`)

// otherHeads matches the heads of transformers' models for other tasks.
var otherHeads = regexp.MustCompile(`^(multiple_choice_head|score|classifier|qa_outputs)\.`)

// IsOtherHead reports whether a tensor of a file belongs to a head for a task other than predicting tokens, which models
// here do not have.
func IsOtherHead(name string) bool { return otherHeads.MatchString(name) }

// IsBuffer reports whether a tensor of a file is not a weight of a model, so that its results do not depend
// on it. Tensors that match the family's buffers are masks of shape (1, 1, T, T), or the scalar that masked
// positions are set to.
func IsBuffer(buffers []string, name string, shape []int) bool {
	if commonBuffers.MatchString(name) || IsOtherHead(name) {
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
