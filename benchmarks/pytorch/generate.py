"""Times transformers' greedy generation with its key/value cache, for benchmarks/generate.py and smollm2.py, with GPT-2 124M
with random weights or with the model in a directory.

    python generate.py BATCH PROMPT TOKENS [DIR]
"""
import json
import statistics
import sys
import time

import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LogitsProcessor, LogitsProcessorList

batch, prompt, tokens = map(int, sys.argv[1:4])
torch.manual_seed(1)
if sys.argv[4:]:
    model = AutoModelForCausalLM.from_pretrained(sys.argv[4]).eval()
    model.generation_config.eos_token_id = None
else:
    model = GPT2LMHeadModel(GPT2Config(bos_token_id=None, eos_token_id=None)).eval()
ids = torch.randint(model.config.vocab_size, (batch, prompt))
times = []


class Clock(LogitsProcessor):
    """Records when the logits of each token are ready."""

    def __call__(self, ids, scores):
        times.append(time.perf_counter())
        return scores


with torch.inference_mode():
    for _ in range(2):  # the first run is a warm-up
        times.clear()
        start = time.perf_counter()
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens + 1, do_sample=False, use_cache=True, pad_token_id=0, logits_processor=LogitsProcessorList([Clock()]))
steps = [b - a for a, b in zip(times, times[1:])]
print(json.dumps({"tokens_per_s": batch / statistics.median(steps), "prefill_seconds": times[0] - start}))
