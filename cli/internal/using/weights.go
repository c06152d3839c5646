package using

import (
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/setting"
)

// weightsSetting is how matrices are kept in memory, of the commands that only run a model.
func weightsSetting(to *string) setting.Setting {
	names := checkpoint.Widths()
	return setting.New("weights", to, string(checkpoint.AsStored),
		"how matrices are kept in memory: as the file has them where that can be computed with (stored), or rounded to "+strings.Join(names[1:], ", ")+"; q4 is q4_0 with the embedding and the head in int8",
		setting.OneOf("--weights", append(slices.Clone(names), "q8_0")...))
}
