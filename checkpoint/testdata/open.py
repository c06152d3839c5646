"""Opens a checkpoint with transformers and prints what it loaded as a JSON object; if token ids
are given, the logits too.

Run by python_test.go on a directory written by this package.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
weights = {name: p.detach().reshape(-1).tolist() for name, p in model.transformer.named_parameters()}
tokens = torch.tensor([[int(t) for t in sys.argv[2:]]])
embedding = model.get_input_embeddings().weight
print(
    json.dumps(
        {
            "class": type(model).__name__,
            "problems": [str(x) for key in sorted(info) for x in info[key]],
            "tied": model.lm_head.weight.data_ptr() == embedding.data_ptr(),
            "weights": weights,
            "logits": model.eval()(tokens).logits.reshape(-1).tolist() if sys.argv[2:] else [],
        }
    )
)
