"""Records torch.optim.SGD (plain, with momentum, by Nesterov) and torch.optim.Muon (a wide and a
tall matrix, both scales) in rules.json: six updates each, all numbers float32. Muon's
Newton-Schulz steps stay in float32 here: bfloat16 would hide all but gross errors.
Run: python rules.py (written with the version in the file).
"""

import json
import pathlib

import torch


def numbers(t):
    return [float(f"{x:.9g}") for x in t.detach().flatten().tolist()]  # nine digits name a float32


def record(name, shape, generator, make, **settings):
    p = torch.nn.Parameter(torch.randn(shape, generator=generator))
    out = {"rule": name, "shape": list(shape), **settings, "start": numbers(p), "steps": []}
    optimizer = make([p], lr=0.1, **settings)
    for i in range(6):
        p.grad = torch.randn(shape, generator=generator)
        grad = numbers(p.grad)
        optimizer.param_groups[0]["lr"] = rate = 0.1 / (i + 1)
        optimizer.step()
        out["steps"].append({"rate": rate, "grad": grad, "weights": numbers(p)})
    return out


def main():
    torch.bfloat16 = torch.float32
    generator = torch.Generator().manual_seed(20170111)
    runs = [
        record("SGD", (5,), generator, torch.optim.SGD, momentum=m, nesterov=n)
        for m, n in [(0.0, False), (0.9, False), (0.9, True)]
    ] + [
        record("Muon", shape, generator, torch.optim.Muon, momentum=0.95, weight_decay=0.1, adjust_lr_fn=scale)
        for shape in [(3, 8), (8, 3)]
        for scale in ["original", "match_rms_adamw"]
    ]
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"torch": torch.__version__, "runs": runs}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
