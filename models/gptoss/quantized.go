package gptoss

import (
	"encoding/json"
	"fmt"
)

// quantized is quantization_config, which the published files have. It says how the weights are stored, not
// what the model computes. It is checked when read, and not kept, since the model may be saved in another
// form.
type quantized struct{}

// UnmarshalJSON implements [json.Unmarshaler].
func (*quantized) UnmarshalJSON(data []byte) error {
	var said struct {
		Method string `json:"quant_method"`
	}
	if string(data) == "null" {
		return nil
	}
	if err := json.Unmarshal(data, &said); err != nil || said.Method != "mxfp4" {
		return fmt.Errorf("quantization_config: quant_method is %q, want mxfp4", said.Method)
	}
	return nil
}
