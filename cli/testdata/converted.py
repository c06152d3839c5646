"""Opens a model directory with transformers and prints its logits for some tokens as a JSON object.

Run by convert_test.go on directories written by gorgpt.  python converted.py DIR 'TOKENS as JSON'
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], output_loading_info=True)
with torch.no_grad():
    logits = model.eval()(torch.tensor([json.loads(sys.argv[2])])).logits[0]
problems = [str(x) for key in sorted(info) for x in info[key]]
print(json.dumps({"problems": problems, "dtype": str(model.dtype), "logits": logits.float().flatten().tolist()}))
