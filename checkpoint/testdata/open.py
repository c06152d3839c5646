"""Opens a checkpoint with transformers and prints what it loaded, one JSON object.

Run by python_test.go on a directory written by this package.
"""

import json
import sys

from transformers import AutoModelForCausalLM

model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
weights = {name: p.detach().reshape(-1).tolist() for name, p in model.transformer.named_parameters()}
print(
    json.dumps(
        {
            "class": type(model).__name__,
            "problems": [str(x) for key in sorted(info) for x in info[key]],
            "tied": model.lm_head.weight.data_ptr() == model.transformer.wte.weight.data_ptr(),
            "weights": weights,
        }
    )
)
