package using

import (
	"slices"
	"strings"

	"github.com/gorgpt/gorgpt/checkpoint"
	"github.com/gorgpt/gorgpt/internal/setting"
)

// weightsSetting returns the setting of how matrices are kept in memory, for commands that do not train.
func weightsSetting(to *string) setting.Setting {
	names := checkpoint.Widths()
	return setting.New("weights", to, string(checkpoint.AsStored),
		"format of matrices in memory: as in the file if supported, else f32 (stored), or rounded to "+strings.Join(names[1:], ", ")+"; q4 is q4_0 with the embedding and the head in int8",
		setting.OneOf("--weights", append(slices.Clone(names), "q8_0")...))
}
