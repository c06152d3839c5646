"""Makes attention.safetensors for two of parity.py's models, beside expected.safetensors: the attention weights of every
head in every layer for the first sequence of tokens in expected.safetensors, as layer.N (heads, positions, positions),
computed by transformers in float64.
Run: python attention.py (made with the versions in the metadata)
"""
import pathlib

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent

for name, kind in (("gpt2-odd", transformers.GPT2LMHeadModel), ("gpt1-odd", transformers.OpenAIGPTLMHeadModel)):
    folder = HERE / name
    with safe_open(folder / "expected.safetensors", "pt") as f:
        tokens = f.get_tensor("tokens")[:1].long()
    model = kind.from_pretrained(folder, attn_implementation="eager").double().eval()
    with torch.no_grad():
        maps = model(tokens, output_attentions=True).attentions
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    save_file({f"layer.{i}": m[0].float().contiguous() for i, m in enumerate(maps)}, folder / "attention.safetensors", metadata=versions)
