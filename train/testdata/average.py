"""Records schedulefree.AdamWScheduleFree, and torch.optim.SGD with torch's AveragedModel, in average.json: ten
updates each, in float64, with the weights used in training and the average used in evaluations. The learning
rates rise, stay constant and fall. The decay of the average is TensorFlow's min(decay, (1+t)/(10+t)).
Run: pip install schedulefree==1.4.1; python average.py (written with the versions in the file).
"""

import importlib.metadata
import json
import pathlib

import schedulefree
import torch

RATES = [0.01, 0.02, 0.03, 0.03, 0.03, 0.03, 0.03, 0.02, 0.01, 0.005]


def numbers(t):
    return [float(f"{x:.12g}") for x in t.detach().flatten().tolist()]


def gradients(generator):
    """Gradients that are float32 numbers, of several sizes."""
    for i in range(len(RATES)):
        yield (torch.randn(2, 3, generator=generator) * 10.0 ** (i % 4 - 3)).double()


def schedule_free(generator, beta1, decay):
    p = torch.nn.Parameter(torch.randn(2, 3, generator=generator).double())
    run = {"rule": "schedulefree", "beta1": beta1, "decay": decay, "start": numbers(p), "steps": []}
    o = schedulefree.AdamWScheduleFree([p], lr=RATES[0], betas=(beta1, 0.95), eps=1e-6, weight_decay=decay)
    o.train()
    for rate, grad in zip(RATES, gradients(generator)):
        o.param_groups[0]["lr"] = rate
        p.grad = grad.clone()
        o.step()
        trained = numbers(p)
        o.eval()
        run["steps"].append({"rate": rate, "grad": numbers(grad), "trained": trained, "average": numbers(p)})
        o.train()
    return run


def ema(generator, decay):
    model = torch.nn.Linear(3, 2, bias=False, dtype=torch.float64)
    p = model.weight
    run = {"rule": "ema", "ema": decay, "start": numbers(p.data.copy_(torch.randn(2, 3, generator=generator))), "steps": []}
    average = torch.optim.swa_utils.AveragedModel(
        model, avg_fn=lambda x, w, t: x + (1 - min(decay, (1 + int(t)) / (10 + int(t)))) * (w - x))
    average.update_parameters(model)  # the first call copies
    o = torch.optim.SGD([p], lr=RATES[0], momentum=0.9)
    for rate, grad in zip(RATES, gradients(generator)):
        o.param_groups[0]["lr"] = rate
        p.grad = grad.clone()
        o.step()
        average.update_parameters(model)
        run["steps"].append({"rate": rate, "grad": numbers(grad), "trained": numbers(p), "average": numbers(average.module.weight)})
    return run


def main():
    generator = torch.Generator().manual_seed(20240524)
    runs = [schedule_free(generator, beta1, decay) for beta1, decay in [(0.9, 0.0), (0.9, 0.3), (0.6, 0.1)]]
    runs += [ema(generator, decay) for decay in [0.999, 0.3]]
    versions = {"schedulefree": importlib.metadata.version("schedulefree"), "torch": torch.__version__}
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({**versions, "runs": runs}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
