"""Writes blocks.json: blocks of random bits of each type, with the numbers that gguf 0.19.0 (of llama.cpp) decodes from
them; and numbers with the blocks of Q8_0, Q4_0, Q4_1 and MXFP4 that it encodes them into. Run: python blocks.py > blocks.json"""
import base64
import json

import numpy as np
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES, quants

# Where a block of each type has its float16 numbers, which would be too large or NaN if they were random bits.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def text(x):
    return base64.b64encode(x.tobytes()).decode()


r = np.random.default_rng(19)
out = {}
for name, halves in HALVES.items():
    numbers, size = GGML_QUANT_SIZES[T[name]]
    n = 4 if numbers == 32 else 2
    blocks = r.integers(0, 256, (n, size), dtype=np.uint8)
    for at in halves:
        blocks[:, at:at + 2] = r.normal(0, 0.02, (n, 1)).astype(np.float16).view(np.uint8)
    out[name] = {"blocks": text(blocks), "numbers": text(quants.dequantize(blocks, T[name]).astype(np.float32))}

x = r.normal(0, 1, (6, 32)).astype(np.float32)
x[1] = 0
x[2] = np.arange(-16, 16) / 2  # multiples of 1/2, with a scale of 1
x[2, 0] = 127
x[3] *= 1e-5  # with a subnormal scale
x[4] *= 1e-12  # with a scale of 0
x[5] *= 1e4
made = quants.quantize(x, T.Q8_0)
made[4] = 0  # gguf keeps numbers where the scale is 0
out["to Q8_0"] = {"blocks": text(made), "numbers": text(x)}

r = np.random.default_rng(20)
blocks = r.integers(0, 256, (8, 17), dtype=np.uint8)
blocks[1, 0], blocks[2, 0], blocks[3, 0] = 0, 1, 2  # subnormal scales
blocks[4:, 0] = range(120, 124)
out["MXFP4"] = {"blocks": text(blocks), "numbers": text(quants.dequantize(blocks, T.MXFP4).astype(np.float32))}
y = r.normal(0, 1, (64, 32)).astype(np.float32)  # no number is halfway between two codes
y[1] = 0
y[2, 5] = -20
y[3:] *= np.exp(r.normal(0, 3, (61, 1))).astype(np.float32)
for name in "Q4_0", "Q4_1", "MXFP4":
    out["to " + name] = {"blocks": text(quants.quantize(y, T[name])), "numbers": text(y)}
print(json.dumps(out, indent=0))
