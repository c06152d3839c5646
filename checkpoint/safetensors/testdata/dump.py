"""Prints a safetensors file as the reference library reads it: a line of JSON per tensor, with the numbers' bits.

Run by safetensors_test.go on files written by this package.
"""

import json
import sys

import torch
from safetensors import safe_open

with safe_open(sys.argv[1], framework="pt") as f:
    print(json.dumps({"metadata": f.metadata()}))
    for name in sorted(f.keys()):
        t = f.get_tensor(name)
        assert t.dtype == torch.float32, t.dtype
        bits = t.reshape(-1).view(torch.int32).tolist()
        print(json.dumps({"name": name, "shape": list(t.shape), "bits": [b & 0xFFFFFFFF for b in bits]}))
