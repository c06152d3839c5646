"""Makes torch.safetensors, a tiny file written by the reference library.

Made with torch 2.15.0, safetensors 0.8.0:  python make_fixtures.py
Every value is given by a small formula, which safetensors_test.go repeats.
"""

import os

import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))

tensors = {
    "wte.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 3,
    "h.0.ln_1.bias": torch.tensor([-0.0, float("inf"), float("nan")], dtype=torch.float32),
    "scalar": torch.tensor(3.5),
    "empty": torch.zeros(0, 4),
    # 2^-24 and 2^-14 are the smallest subnormal and the smallest normal half; 65504 is the largest.
    "half": torch.tensor([0.1, -2.0, 2.0**-24, 2.0**-14, 65504.0, -float("inf")], dtype=torch.float16),
    "brain": torch.tensor([0.1, -2.0, 1e-40, 3e38], dtype=torch.bfloat16),
    "h.0.attn.bias": torch.tril(torch.ones(3, 3, dtype=torch.uint8)).reshape(1, 1, 3, 3),
    "ids": torch.tensor([1, 2], dtype=torch.int64),
}
save_file(tensors, os.path.join(here, "torch.safetensors"), metadata={"format": "pt"})
for name in ["half", "brain"]:
    print(name, [f"{x:.9g}" for x in tensors[name].float().tolist()])
