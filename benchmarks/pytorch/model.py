"""GPT-2 in plain PyTorch eager operations, written for comparison with gorgpt.

The parameters have Hugging Face's names and layouts (weights are stored inputs by outputs),
so that a safetensors file of either can be opened in the other.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass
class Config:
    vocab: int = 50257
    context: int = 1024
    width: int = 768
    layers: int = 12
    heads: int = 12
    bias: bool = True
    exact_gelu: bool = False


NANO = Config(vocab=65, context=64, width=128, layers=4, heads=4, bias=False, exact_gelu=True)


class Linear(nn.Module):
    def __init__(self, c, inputs, outputs, std=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * std)
        self.bias = nn.Parameter(torch.zeros(outputs)) if c.bias else None

    def forward(self, x):
        return F.linear(x, self.weight.t(), self.bias)


class Norm(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c.width))
        self.bias = nn.Parameter(torch.zeros(c.width)) if c.bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads = c.heads
        self.c_attn = Linear(c, c.width, 3 * c.width)
        self.c_proj = Linear(c, c.width, c.width, 0.02 / math.sqrt(2 * c.layers))

    def forward(self, x):
        batch, time, width = x.shape
        q, k, v = (
            part.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, time, width))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c_fc = Linear(c, c.width, 4 * c.width)
        self.c_proj = Linear(c, 4 * c.width, c.width, 0.02 / math.sqrt(2 * c.layers))
        self.gelu = "none" if c.exact_gelu else "tanh"

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate=self.gelu))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1, self.attn = Norm(c), Attention(c)
        self.ln_2, self.mlp = Norm(c), MLP(c)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.wte = nn.Embedding(c.vocab, c.width)
        self.wpe = nn.Embedding(c.context, c.width)
        nn.init.normal_(self.wte.weight, std=0.02)
        nn.init.normal_(self.wpe.weight, std=0.02)
        self.h = nn.ModuleList(Block(c) for _ in range(c.layers))
        self.ln_f = Norm(c)

    def forward(self, tokens, targets):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def optimizer(model, lr, betas, decay=0.1, fused=None):
    """AdamW with decay on matrices only."""
    return torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": decay},
            {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=lr,
        betas=betas,
        fused=fused,
    )
