"""Measures the forward and backward pass of two of Llama's decoder layers in transformers, with the sizes of gpt2 as in BenchmarkBlocks of
package layers, and prints one JSON object.

    python block.py --batch 4 --context 64 --steps 20 [--compile]
"""
import argparse
import json
import resource
import statistics
import time

import torch
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=4)
parser.add_argument("--context", type=int, default=64)
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--compile", action="store_true")
a = parser.parse_args()

torch.manual_seed(1)
config = LlamaConfig(
    hidden_size=768, num_attention_heads=12, num_key_value_heads=3, intermediate_size=2432,
    rms_norm_eps=1e-5, max_position_embeddings=a.context, attn_implementation="sdpa",
)
layers = torch.nn.ModuleList(LlamaDecoderLayer(config, i) for i in range(2)).train()
x = torch.randn(a.batch, a.context, config.hidden_size)
positions = torch.arange(a.context)[None]
angles = LlamaRotaryEmbedding(config)(x, positions)


def forward(y):
    for layer in layers:
        y = layer(y, position_ids=positions, position_embeddings=angles)
        if isinstance(y, tuple):  # before transformers 5
            y = y[0]
    return y


if a.compile:
    forward = torch.compile(forward)
times, worked = [], []
for i in range(a.steps + 3):
    start, before = time.perf_counter(), time.process_time()
    forward(x).sum().backward()
    if i >= 3:
        times.append(time.perf_counter() - start)
        worked.append(time.process_time() - before)
    layers.zero_grad(set_to_none=True)
print(json.dumps({
    "step_seconds": statistics.median(times),
    "fastest_seconds": min(times),
    "cpu_seconds": statistics.median(worked),
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "torch": torch.__version__,
    "threads": torch.get_num_threads(),
}))
