// Package tmpdeps keeps dependencies in go.mod while their users are written.
package tmpdeps

import (
	_ "github.com/BurntSushi/toml"
	_ "github.com/agnivade/levenshtein"
	_ "github.com/chewxy/hm"
	_ "github.com/mmcloughlin/avo/build"
	_ "github.com/schollz/progressbar/v3"
	_ "github.com/spf13/cobra"
	_ "github.com/sugarme/tokenizer"
	_ "golang.org/x/sys/cpu"
	_ "golang.org/x/term"
	_ "gonum.org/v1/gonum/blas/gonum"
	_ "gonum.org/v1/plot"
	_ "gonum.org/v1/plot/vg/draw"
	_ "gorgonia.org/gorgonia"
	_ "gorgonia.org/tensor"
)
