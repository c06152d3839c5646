"""Computes the loss of fine-tuning on scores, PyTorch's MSELoss, and the gradient of every
parameter, with a model of models/testdata in float64: squared.safetensors and squared.json.

Run: python squared.py (made with the versions in the metadata; seed 5)
"""
import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent.parent / "models" / "testdata"
AUXILIARY = 0.5

# As in joint.py; the target is a standardized score.
KINDS = {
    "classification": [([[34, 1, 2, 3, 36]], [0.75]), ([[34, 9, 36]], [-1.5]), ([[34, 7, 7, 36]], [0.25])],
    "similarity": [([[34, 1, 2, 35, 7, 36], [34, 7, 35, 1, 2, 36]], [2.0]), ([[34, 5, 35, 6, 36], [34, 6, 35, 5, 36]], [-0.5])],
}

tensors, cases = {}, []
for name, kind in (("gpt1-odd", "classification"), ("gpt2-odd", "similarity")):
    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / name).double().eval()
    head = torch.nn.Linear(model.config.n_embd, 1).double()
    scores, wanted, lm = [], [], []
    for sequences, target in KINDS[kind]:
        states = []
        for ids in sequences:
            out = model(torch.tensor([ids]), output_hidden_states=True)
            states.append(out.hidden_states[-1][0, -1])
            logs = out.logits[0].log_softmax(-1)
            lm.append(-torch.stack([logs[t, ids[t + 1]] for t in range(len(ids) - 1)]).mean())
        scores.append(head(sum(states)))
        wanted.append(torch.tensor(target).double())
    loss = torch.nn.MSELoss()(torch.stack(scores), torch.stack(wanted)) + AUXILIARY * torch.stack(lm).mean()
    loss.backward()
    case = f"{name} {kind} squared"
    cases.append({"name": case, "model": name, "kind": kind, "squared": True, "loss": loss.item(), "examples": [{"sequences": s, "targets": t} for s, t in KINDS[kind]]})
    grads = {"classifier.weight": head.weight.grad.T, "classifier.bias": head.bias.grad}
    grads |= {n.removeprefix("transformer."): p.grad for n, p in model.named_parameters() if n != "lm_head.weight"}
    tensors |= {f"{case}/{n}": g.float().contiguous() for n, g in grads.items()}
    tensors |= {f"{case}/weight": head.weight.detach().T.float().contiguous(), f"{case}/bias": head.bias.detach().float().contiguous()}
save_file(tensors, HERE / "squared.safetensors", metadata={"torch": torch.__version__, "transformers": transformers.__version__})
(HERE / "squared.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")
