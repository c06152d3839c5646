"""nanoGPT's CPU recipe in PyTorch: python shakespeare.py TEXT [SEED]

Trains gpt2-nano as recipes/shakespeare-nano.toml does, on batches at random offsets,
and prints the loss over all of the validation text, cut into windows of 64.
"""
import math
import sys
import time

import torch

from model import GPT2, NANO, optimizer

text = open(sys.argv[1]).read()
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1337
ids = {c: i for i, c in enumerate(sorted(set(text)))}
data = torch.tensor([ids[c] for c in text])
train, val = data[: int(0.9 * len(data))], data[int(0.9 * len(data)) :]
batch, context, steps, warmup = 12, 64, 2000, 100

torch.manual_seed(seed)
model = GPT2(NANO)
adam = optimizer(model, 1e-3, (0.9, 0.99))


def rate(i):
    if i < warmup:
        return 1e-3 * (i + 1) / (warmup + 1)
    return 1e-4 + (1e-3 - 1e-4) * 0.5 * (1 + math.cos(math.pi * (i - warmup) / (steps - warmup)))


@torch.no_grad()
def evaluate():
    n = (len(val) - 1) // context
    x, y = val[: n * context].view(n, context), val[1 : n * context + 1].view(n, context)
    return model(x, y).item()


start = time.time()
for i in range(steps):
    at = torch.randint(len(train) - context, (batch,))
    x = torch.stack([train[a : a + context] for a in at])
    y = torch.stack([train[a + 1 : a + 1 + context] for a in at])
    for group in adam.param_groups:
        group["lr"] = rate(i)
    loss = model(x, y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    adam.step()
    adam.zero_grad(set_to_none=True)
    if (i + 1) % 500 == 0:
        print(f"step {i + 1}: loss {loss.item():.4f}, val loss {evaluate():.4f}, {time.time() - start:.0f} s", flush=True)
