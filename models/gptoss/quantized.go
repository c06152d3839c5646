package gptoss

import (
	"encoding/json"
	"fmt"
)

// quantized is quantization_config, which the published files have: how the weights lie, not what the model computes. What a file says is checked
// and not kept, for a model that is written anew may lie otherwise.
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
