"""Makes the fixtures of modern_test.go: tiny random models of transformers with RMSNorm, rotary
positions, gated MLPs and grouped queries, and what PyTorch computes with them in float64.

For each case NAME.safetensors: weight.NAME of every parameter, tokens, targets, logits, loss, and
grad.NAME. Parameters have the names of the test's model.

Run: python modern.py (made with the versions in the metadata of the files)
"""
import pathlib
import platform

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent

# Sizes that round numbers would hide mistakes in.
SIZES = dict(
    vocab_size=29, hidden_size=16, intermediate_size=22, num_hidden_layers=2, max_position_embeddings=16,
    attn_implementation="eager", tie_word_embeddings=False, pad_token_id=None, bos_token_id=None, eos_token_id=None,
)
CASES = {
    # Grouped queries, one head of keys and values for two of queries.
    "llama": transformers.LlamaForCausalLM(transformers.LlamaConfig(
        num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0}, **SIZES)),
    # Heads wider than C/H, normed one by one before they are turned; one head of keys and values.
    "qwen3": transformers.Qwen3ForCausalLM(transformers.Qwen3Config(
        num_attention_heads=3, num_key_value_heads=1, head_dim=6, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, **SIZES)),
}


def record(name, model):
    torch.manual_seed(sum(map(ord, name)))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.3 if p.dim() > 1 else 1 + torch.randn_like(p) * 0.1)
    model = model.double().eval()
    tokens, targets = (torch.randint(SIZES["vocab_size"], (2, 13)) for _ in range(2))
    logits = model(tokens).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    out = {"tokens": tokens.float(), "targets": targets.float(), "logits": logits.float(), "loss": loss.reshape(1).float()}
    for n, p in model.named_parameters():
        n = n.removeprefix("model.")
        out |= {f"weight.{n}": p.float(), f"grad.{n}": p.grad.float()}
    versions = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    save_file({n: t.detach().contiguous() for n, t in out.items()}, HERE / f"{name}.safetensors", versions)


for name, model in CASES.items():
    record(name, model)
