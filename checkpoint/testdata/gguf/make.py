"""Writes models of random weights into this folder, as transformers saves them (hf/NAME) and as llama.cpp's own
converter makes them into files (NAME.gguf), without a tokenizer. Run: python make.py LLAMA_CPP, where LLAMA_CPP is the
folder vendor/llama.cpp of llama-cpp-python 0.3.36, with transformers 5.24.0 and torch 2.15.0."""
import sys
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

here = Path(__file__).resolve().parent
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/gguf-py"]
import conversion.base as base
import conversion.gpt2 as gpt2
import conversion.llama as llama
import gguf

llama3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
yarn = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 32}
small = dict(vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
             max_position_embeddings=128, eos_token_id=None, bos_token_id=None, pad_token_id=None)
MODELS = {
    "llama3": (LlamaForCausalLM, llama.LlamaModel, LlamaConfig(
        **small, num_key_value_heads=1, head_dim=8, rope_parameters=llama3, tie_word_embeddings=True, rms_norm_eps=1e-5)),
    "yarn": (LlamaForCausalLM, llama.LlamaModel, LlamaConfig(
        **small, num_key_value_heads=2, rope_parameters=yarn, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-6)),
    "gpt2": (GPT2LMHeadModel, gpt2.GPT2Model, GPT2Config(
        vocab_size=11, n_positions=16, n_ctx=16, n_embd=8, n_layer=2, n_head=2, eos_token_id=None, bos_token_id=None)),
}
torch.manual_seed(19)
for name, (cls, converter, config) in MODELS.items():
    model = cls(config)
    for p in model.parameters():
        torch.nn.init.normal_(p, 0, 0.5)
    model.save_pretrained(here / "hf" / name)
    converter.set_vocab = lambda self: self._set_vocab_none()
    made = converter(here / "hf" / name, gguf.LlamaFileType.ALL_F32, here / (name + ".gguf"), model_name=name)
    made.write()
