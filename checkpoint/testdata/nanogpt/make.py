"""Writes two checkpoints as nanoGPT's train.py does, and the logits that its arithmetic gives in float64:
linear layers (out, in), exact GELU, with all biases or none.

    python make.py          # numpy, torch
"""

import json
import math
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 5


def tensors(args):
    C, bias = args["n_embd"], args["bias"]
    normal = lambda *shape: torch.randn(*shape) * 0.4
    t = {"wte.weight": normal(args["vocab_size"], C), "wpe.weight": normal(args["block_size"], C)}

    def linear(name, out, into):
        t[name + ".weight"] = normal(out, into)
        if bias:
            t[name + ".bias"] = normal(out)

    def norm(name):
        t[name + ".weight"] = 1 + normal(C)
        if bias:
            t[name + ".bias"] = normal(C)

    for i in range(args["n_layer"]):
        h = "h.%d." % i
        norm(h + "ln_1")
        linear(h + "attn.c_attn", 3 * C, C)
        linear(h + "attn.c_proj", C, C)
        norm(h + "ln_2")
        linear(h + "mlp.c_fc", 4 * C, C)
        linear(h + "mlp.c_proj", C, 4 * C)
    norm("ln_f")
    return t


def logits(args, t, tokens):
    t = {k: v.double() for k, v in t.items()}
    C, H, T = args["n_embd"], args["n_head"], len(tokens)
    linear = lambda x, name: F.linear(x, t[name + ".weight"], t.get(name + ".bias"))
    norm = lambda x, name: F.layer_norm(x, (C,), t[name + ".weight"], t.get(name + ".bias"), 1e-5)
    x = t["wte.weight"][tokens] + t["wpe.weight"][:T]
    for i in range(args["n_layer"]):
        h = "h.%d." % i
        q, k, v = (p.view(T, H, C // H).transpose(0, 1) for p in linear(norm(x, h + "ln_1"), h + "attn.c_attn").split(C, dim=1))
        w = (q @ k.transpose(1, 2)) / math.sqrt(C // H)
        w = w.masked_fill(torch.triu(torch.ones(T, T, dtype=torch.bool), 1), float("-inf")).softmax(-1)
        x = x + linear((w @ v).transpose(0, 1).reshape(T, C), h + "attn.c_proj")
        x = x + linear(F.gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc")), h + "mlp.c_proj")
    return norm(x, "ln_f") @ t["wte.weight"].T


def write(name, prefix, args):
    t = tensors(args)
    weights = [v for v in t.values()]
    t["lm_head.weight"] = t["wte.weight"]
    state = {prefix + ("" if k.startswith("lm_head") else "transformer.") + k: v for k, v in t.items()}
    optimizer = torch.optim.AdamW([w.requires_grad_() for w in weights[:2]])
    sum(w.sum() for w in weights[:2]).backward()
    optimizer.step()
    state = {k: v.detach() for k, v in state.items()}
    os.makedirs(os.path.join(HERE, name), exist_ok=True)
    torch.save(
        {"model": state, "optimizer": optimizer.state_dict(), "model_args": args, "iter_num": 250, "best_val_loss": torch.tensor(1.5),
         "config": {"out_dir": "out", "learning_rate": 1e-3, "compile": True, "dataset": "shakespeare_char"}},
        os.path.join(HERE, name, "ckpt.pt"))
    tokens = [3, 1, 4, 1, 5, 9]
    t = {k: v.detach() for k, v in t.items()}
    return {"name": name, "tokens": tokens, "logits": [[float("%.8g" % v) for v in row] for row in logits(args, t, tokens).tolist()]}


torch.manual_seed(SEED)
sizes = {"n_layer": 2, "n_head": 2, "n_embd": 12, "block_size": 8}
expected = [
    write("plain", "", {**sizes, "bias": True, "vocab_size": 17, "dropout": 0.0}),
    write("compiled", "_orig_mod.", {**sizes, "bias": False, "vocab_size": 20, "dropout": 0.2}),
]
with open(os.path.join(HERE, "expected.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(e) for e in expected) + "\n]\n")
