"""Makes the fixtures of parity_test.go: tiny random models of transformers, and what
PyTorch computes with them in float64.

For each case a folder with config.json and model.safetensors, as transformers writes them,
and expected.safetensors: tokens, targets, logits, loss, grad.NAME of every parameter, and
the losses of ten AdamW steps on the one batch (before each update) with final.NAME.

Run: python parity.py [CASE…] (made with the versions in the metadata of expected.safetensors)
"""
import pathlib
import platform
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent

# Sizes that round numbers would hide mistakes in: vocabulary, context, width, layers, heads;
# then sequences and tokens of the batch.
CASES = {
    "gpt2-odd": ("gpt2", (37, 11, 15, 2, 3), (2, 9), {}),
    "gpt2-one-head": ("gpt2", (19, 8, 7, 1, 1), (3, 8), {"activation_function": "gelu"}),
    "gpt2-relu": ("gpt2", (23, 6, 8, 3, 4), (2, 5), {"activation_function": "relu", "layer_norm_epsilon": 1e-3}),
    "gpt2-long": ("gpt2", (17, 300, 8, 1, 2), (1, 300), {}),
    "gpt1-odd": ("gpt1", (37, 11, 15, 2, 3), (2, 9), {}),
    "gpt1-one-head": ("gpt1", (19, 8, 7, 1, 1), (3, 8), {}),
    "gpt1-long": ("gpt1", (17, 300, 8, 1, 2), (1, 300), {}),
    "gpt2-untied": ("gpt2", (21, 9, 12, 2, 3), (2, 7), {"tie_word_embeddings": False}),
    "gpt1-untied": ("gpt1", (21, 9, 12, 2, 3), (2, 7), {"tie_word_embeddings": False}),
}
STEPS, RATE, BETAS, EPS, DECAY, CLIP = 10, 1e-3, (0.9, 0.95), 1e-8, 0.1, 1.0


def build(kind, dims, more):
    vocab, context, width, layers, heads = dims
    sizes = dict(vocab_size=vocab, n_positions=context, n_embd=width, n_layer=layers, n_head=heads, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0, **more)
    if kind == "gpt2":
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(bos_token_id=None, eos_token_id=None, **sizes))
    return transformers.OpenAIGPTLMHeadModel(transformers.OpenAIGPTConfig(**sizes))


def loss_of(model, tokens, targets):
    logits = model(tokens).logits
    return logits, torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def weights(model):
    """The parameters, a tied one once, under the names of the project."""
    tied = model.config.tie_word_embeddings
    return {name.removeprefix("transformer."): p for name, p in model.named_parameters() if not (tied and name == "lm_head.weight")}


def record(name, kind, dims, shape, more):
    torch.manual_seed(sum(map(ord, name)))
    model = build(kind, dims, more)
    with torch.no_grad():
        for n, p in model.named_parameters():
            if p.dim() > 1:
                p.copy_(torch.randn_like(p) * 0.2)
            elif n.endswith("bias"):
                p.copy_(torch.randn_like(p) * 0.1)
            else:
                p.copy_(1 + torch.randn_like(p) * 0.1)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = model.double().eval()

    tokens, targets = (torch.randint(dims[0], shape) for _ in range(2))
    logits, loss = loss_of(model, tokens, targets)
    loss.backward()
    out = {"tokens": tokens.int(), "targets": targets.int(), "logits": logits, "loss": loss.reshape(1)}
    out |= {f"grad.{n}": p.grad for n, p in weights(model).items()}

    model.zero_grad()
    params = list(weights(model).values())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in params if p.dim() >= 2], "weight_decay": DECAY},
            {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=RATE, betas=BETAS, eps=EPS,
    )
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, loss = loss_of(model, tokens, targets)
        losses.append(loss.detach())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, CLIP)
        optimizer.step()
    out["losses"] = torch.stack(losses)
    out |= {f"final.{n}": p for n, p in weights(model).items()}
    out = {n: t.detach().float().contiguous() for n, t in out.items()}
    versions = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    save_file(out, folder / "expected.safetensors", metadata=versions)


for name in sys.argv[1:] or CASES:
    record(name, *CASES[name])
