"""Records torch.optim.AdamW and torch.nn.utils.clip_grad_norm_ in adamw.json.

Two runs of eight updates over a matrix, a vector and a tensor of rank 3, all
numbers float32. Run: python adamw.py (written with the versions in the file).
"""

import json
import pathlib
import platform

import torch

SHAPES = {"matrix": (3, 5), "vector": (7,), "cube": (2, 3, 4)}
RUNS = [
    # scale is that of the gradients, chosen so that in the first run the norm is above the clip at some
    # steps and below it at others.
    dict(name="gpt3", betas=(0.9, 0.95), eps=1e-8, decay=0.1, clip=1.0, scale=0.3, rates=[1e-3 * i for i in range(1, 9)]),
    dict(name="plain", betas=(0.9, 0.999), eps=1e-8, decay=0.01, clip=0.0, scale=3.0, rates=[1e-2] * 8),
]


def numbers(t):
    return [float(f"{x:.9g}") for x in t.detach().flatten().tolist()]  # nine digits name a float32


def record(run, generator):
    params = {n: torch.nn.Parameter(torch.randn(s, generator=generator)) for n, s in SHAPES.items()}
    out = {k: v for k, v in run.items() if k != "scale"}
    out["start"] = {n: numbers(p) for n, p in params.items()}
    out["steps"] = []
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in params.values() if p.dim() >= 2], "weight_decay": run["decay"]},
            {"params": [p for p in params.values() if p.dim() < 2], "weight_decay": 0.0},
        ],
        betas=run["betas"],
        eps=run["eps"],
    )
    for i, rate in enumerate(run["rates"]):
        grads = {}
        for n, p in params.items():
            # Every other gradient is small, and one weight never gets one.
            g = torch.randn(p.shape, generator=generator) * run["scale"] * (1.0 if i % 2 else 0.1)
            g.view(-1)[0] = 0
            p.grad = g
            grads[n] = numbers(g)
        norm = torch.nn.utils.clip_grad_norm_(params.values(), run["clip"] or float("inf"))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        out["steps"].append(
            {"grads": grads, "norm": norm.item(), "weights": {n: numbers(p) for n, p in params.items()}}
        )
    state = {n: optimizer.state[p] for n, p in params.items()}
    out["exp_avg"] = {n: numbers(s["exp_avg"]) for n, s in state.items()}
    out["exp_avg_sq"] = {n: numbers(s["exp_avg_sq"]) for n, s in state.items()}
    return out


def main():
    generator = torch.Generator().manual_seed(20170111)
    data = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "shapes": SHAPES,
        "runs": [record(run, generator) for run in RUNS],
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
