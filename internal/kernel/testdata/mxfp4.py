"""Makes mxfp4.json: for each scale from 0 to 254, the CRC-32 of the 512 numbers, as little-endian float32, that transformers
5.24's _convert_moe_packed_tensors decodes from all 256 bytes; and the first 8 numbers for scale 127 in full."""
import json, sys, zlib
import torch
from transformers.integrations.mxfp4 import _convert_moe_packed_tensors

blocks = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)

def decoded(scale):
    scales = torch.full((1, 1, 16), scale, dtype=torch.uint8)
    return _convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).flatten()

json.dump({"Sums": [f"{zlib.crc32(decoded(s).numpy().tobytes()):08x}" for s in range(255)],
           "First": decoded(127)[:8].tolist()}, sys.stdout, separators=(",", ":"))
