package run

import (
	"fmt"

	"github.com/gorgpt/gorgpt/graph"
	"github.com/gorgpt/gorgpt/internal/setting"
)

// PrecisionHelp describes --precision, for every command that has it.
const PrecisionHelp = "precision to which operands of matrix products are rounded, forward and backward: float32, bf16 or auto; sums, weights, gradients and everything else stay float32. bf16 needs an AMD processor with AVX512_BF16 or an Intel processor with AMX; auto is bf16 there and float32 elsewhere"

// PrecisionSetting returns the setting of a precision; the default is float32.
func PrecisionSetting(at *string) setting.Setting {
	return setting.New("precision", at, graph.Float32.String(), PrecisionHelp, setting.OneOf("precision", graph.Precisions...))
}

// defaultPrecision is a line that is missing from older recipes.
var defaultPrecision = fmt.Sprintf("precision = %q", graph.Float32)

// SettlePrecision replaces auto by what it stands for on this machine, and refuses a precision that
// the machine does not have.
func SettlePrecision(name *string) error {
	p, err := graph.ParsePrecision(*name)
	if err != nil {
		return fmt.Errorf("--precision %s: %w; float32 works everywhere, and auto takes bf16 where it can", *name, err)
	}
	*name = p.String()
	return nil
}

// Computing returns the graph options for a precision, which may be auto.
func Computing(name string) ([]graph.Option, error) {
	if err := SettlePrecision(&name); err != nil {
		return nil, err
	}
	p, err := graph.ParsePrecision(name)
	if err != nil || p == graph.Float32 {
		return nil, err
	}
	return []graph.Option{graph.Compute(p)}, nil
}
