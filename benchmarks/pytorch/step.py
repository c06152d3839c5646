"""Measures training steps of GPT-2 in PyTorch and prints one JSON object, as
gorgpt bench --json does: forward, backward, clipping, AdamW, on random tokens.

    python step.py --model gpt2 --batch 4 --context 64 --steps 10 [--precision autocast] [--fused] [--compile]

The precision is float32; autocast, under which the forward pass runs linear layers and attention in bfloat16; or matmul, with which
oneDNN itself rounds the operands of float32 products to bfloat16.
"""
import argparse
import json
import resource
import statistics
import time

import torch

from model import GPT2, NANO, Config, optimizer

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="gpt2", choices=["gpt2", "gpt2-nano"])
parser.add_argument("--batch", type=int, default=4)
parser.add_argument("--context", type=int, default=64)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--threads", type=int, default=0)
parser.add_argument("--compile", action="store_true")
parser.add_argument("--fused", action="store_true", help="AdamW in one kernel")
parser.add_argument("--precision", default="float32", choices=["float32", "autocast", "matmul"])
a = parser.parse_args()

if a.threads:
    torch.set_num_threads(a.threads)
torch.manual_seed(1)
c = Config() if a.model == "gpt2" else NANO
model = GPT2(c)
adam = optimizer(model, 1e-5, (0.9, 0.95), fused=a.fused or None)
if a.precision == "matmul":
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
tokens = torch.randint(c.vocab, (a.batch, a.context))
targets = torch.randint(c.vocab, (a.batch, a.context))
forward = torch.compile(model) if a.compile else model

times = []
for i in range(a.steps + 2):
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "autocast"):
        loss = forward(tokens, targets)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    adam.step()
    adam.zero_grad(set_to_none=True)
    loss.item()
    if i >= 2:
        times.append(time.perf_counter() - start)
print(json.dumps({
    "step_seconds": statistics.median(times),
    "fastest_seconds": min(times),
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "torch": torch.__version__,
    "threads": torch.get_num_threads(),
}))
