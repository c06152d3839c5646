"""Computes the joint loss of fine-tuning, and the gradient of every parameter, with the
models of models/testdata in PyTorch's float64: joint.safetensors and joint.json.

Run: python joint.py (made with the versions in the metadata)
"""
import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent.parent / "models" / "testdata"
AUXILIARY = 0.5

# Tokens 34, 35 and 36 are start, delimiter and classify. Examples: sequences, targets.
KINDS = {
    "classification": [([[34, 1, 2, 3, 36]], [0, 1, 0]), ([[34, 9, 36]], [1, 0, 0])],
    "entailment": [([[34, 1, 2, 35, 7, 36]], [0, 1]), ([[34, 9, 35, 4, 4, 4, 8, 36]], [1, 0])],
    "similarity": [([[34, 1, 2, 35, 7, 36], [34, 7, 35, 1, 2, 36]], [0.25, 0.75, 0]), ([[34, 5, 35, 6, 36], [34, 6, 35, 5, 36]], [0, 0, 1])],
    "multiple choice": [([[34, 1, 2, 35, 7, 36], [34, 1, 2, 35, 8, 8, 8, 36], [34, 1, 2, 35, 36]], [0, 0, 1]), ([[34, 3, 35, 3, 36], [34, 3, 35, 4, 36], [34, 3, 35, 5, 36]], [1, 0, 0])],
}

tensors, cases = {}, []
for name in ("gpt1-odd", "gpt2-odd"):
    for kind, examples in KINDS.items():
        torch.manual_seed(len(kind))
        model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / name).double().eval()
        outputs = 1 if kind == "multiple choice" else len(examples[0][1])
        width = model.config.n_embd
        weight = torch.randn(width, outputs).double().requires_grad_()
        bias = torch.randn(outputs).double().requires_grad_()
        task, lm = [], []
        for sequences, targets in examples:
            states = []
            for ids in sequences:
                out = model(torch.tensor([ids]), output_hidden_states=True)
                # GPT-2's last hidden state is taken after the final norm; GPT-1 has no final norm.
                states.append(out.hidden_states[-1][0, -1])
                logs = out.logits[0].log_softmax(-1)
                lm.append(-torch.stack([logs[t, ids[t + 1]] for t in range(len(ids) - 1)]).mean())
            if kind == "similarity":
                scores = sum(states) @ weight + bias
            else:
                scores = torch.cat([s @ weight + bias for s in states])
            task.append(-(scores.log_softmax(-1) * torch.tensor(targets).double()).sum())
        loss = torch.stack(task).mean() + AUXILIARY * torch.stack(lm).mean()
        loss.backward()
        case = f"{name} {kind}"
        cases.append({"name": case, "model": name, "kind": kind, "loss": loss.item(), "examples": [{"sequences": s, "targets": t} for s, t in examples]})
        grads = {"classifier.weight": weight.grad, "classifier.bias": bias.grad}
        grads |= {n.removeprefix("transformer."): p.grad for n, p in model.named_parameters() if n != "lm_head.weight"}
        tensors |= {f"{case}/{n}": g.float().contiguous() for n, g in grads.items()}
        tensors |= {f"{case}/weight": weight.detach().float().contiguous(), f"{case}/bias": bias.detach().float().contiguous()}
save_file(tensors, HERE / "joint.safetensors", metadata={"torch": torch.__version__, "transformers": transformers.__version__})
(HERE / "joint.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")
