"""Opens a model directory with transformers and prints a JSON object: the model's class, the
problems found while loading, the logits of a sequence, and the size of the tokenizer.
Run: logits.py DIR ID…"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

directory, ids = sys.argv[1], [int(a) for a in sys.argv[2:]]
model, report = AutoModelForCausalLM.from_pretrained(directory, output_loading_info=True, dtype=torch.float32)
with torch.no_grad():
    logits = model.eval()(torch.tensor([ids])).logits[0]
amiss = [f"{kind}: {sorted(map(str, names))}" for kind, names in report.items() if names]
print(json.dumps({
    "class": type(model).__name__,
    "amiss": amiss,
    "logits": logits.tolist(),
    "tokens": len(AutoTokenizer.from_pretrained(directory)),
}))
