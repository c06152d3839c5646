"""Computes the joint loss of fine-tuning a small Llama, and the gradient of every trainable parameter, in PyTorch's float64:
once for all weights, and once for adapters (LoRA, x·Aᵀ·Bᵀ beside each linear layer of the blocks) with frozen weights.
Writes llama-odd/, llama.safetensors and llama.json.

Run: python llama.py (made with the versions in the metadata; seed 6)
"""
import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
AUXILIARY, RANK = 0.5, 2

# Tokens 34, 35 and 36 are start, delimiter and classify. Examples: sequences, targets.
EXAMPLES = [([[34, 1, 2, 35, 7, 36], [34, 7, 35, 1, 2, 36]], [0.25, 0.75, 0]), ([[34, 5, 35, 6, 36], [34, 6, 35, 5, 36]], [0, 0, 1])]


class Adapted(torch.nn.Module):
    def __init__(self, linear):
        super().__init__()
        self.linear = linear
        self.lora_A = torch.nn.Parameter(torch.randn(RANK, linear.in_features).double() / 4)
        self.lora_B = torch.nn.Parameter(torch.randn(linear.out_features, RANK).double() / 4)

    def forward(self, x):
        return self.linear(x) + x @ self.lora_A.T @ self.lora_B.T


torch.manual_seed(6)
config = transformers.LlamaConfig(
    vocab_size=37, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1, intermediate_size=20,
    max_position_embeddings=9, tie_word_embeddings=True, initializer_range=0.3, bos_token_id=0, eos_token_id=0)
transformers.LlamaForCausalLM(config).save_pretrained(HERE / "llama-odd")
(HERE / "llama-odd" / "generation_config.json").unlink()

tensors, cases = {}, []
for case, rank in (("all weights", 0), ("adapters", RANK)):
    model = transformers.AutoModelForCausalLM.from_pretrained(HERE / "llama-odd", dtype=torch.float64).eval()
    if rank:
        model.requires_grad_(False)
        for block in model.model.layers:
            for part in (block.self_attn, block.mlp):
                for name, child in list(part.named_children()):
                    if isinstance(child, torch.nn.Linear):
                        setattr(part, name, Adapted(child))
    head = torch.nn.Linear(config.hidden_size, 3).double()
    task, lm = [], []
    for sequences, targets in EXAMPLES:
        states = []
        for ids in sequences:
            out = model(torch.tensor([ids]), output_hidden_states=True)
            states.append(out.hidden_states[-1][0, -1])  # after the final norm
            logs = out.logits[0].log_softmax(-1)
            lm.append(-torch.stack([logs[t, ids[t + 1]] for t in range(len(ids) - 1)]).mean())
        task.append(-(head(sum(states)).log_softmax(-1) * torch.tensor(targets).double()).sum())
    loss = torch.stack(task).mean() + AUXILIARY * torch.stack(lm).mean()
    loss.backward()
    cases.append({"name": case, "model": "llama-odd", "kind": "similarity", "rank": rank, "loss": loss.item(),
                  "examples": [{"sequences": s, "targets": t} for s, t in EXAMPLES]})
    learn = {n.removeprefix("model."): p for n, p in model.named_parameters() if p.requires_grad}
    if rank:
        learn = {f"{n}.weight": p for n, p in learn.items()}
        tensors |= {f"{case}/adapters/{n}": p.detach().float().contiguous() for n, p in learn.items()}
    tensors |= {f"{case}/{n}": p.grad.float().contiguous() for n, p in learn.items()}
    tensors |= {f"{case}/classifier.weight": head.weight.grad.T.float().contiguous(), f"{case}/classifier.bias": head.bias.grad.float().contiguous()}
    tensors |= {f"{case}/weight": head.weight.detach().T.float().contiguous(), f"{case}/bias": head.bias.detach().float().contiguous()}
save_file(tensors, HERE / "llama.safetensors", metadata={"torch": torch.__version__, "transformers": transformers.__version__})
(HERE / "llama.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")
