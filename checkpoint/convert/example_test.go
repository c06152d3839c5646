package convert_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gorgpt/gorgpt/checkpoint/convert"
)

func ExampleConvert() {
	dir, err := os.MkdirTemp("", "convert")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	r, err := convert.Convert("../testdata/models/gpt2/hf", filepath.Join(dir, "half"), convert.Options{DType: "bf16"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Kind, r.Stored, r.DType)
	// Output: Hugging Face directory F32 BF16
}
