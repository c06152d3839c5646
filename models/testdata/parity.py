"""Makes the fixtures of parity_test.go: tiny random models of transformers, and what
PyTorch computes with them in float64.

For each case, writes a folder with config.json and model.safetensors, as transformers saves them, and with
expected.safetensors: tokens, targets, logits, loss, grad.NAME of every parameter, the losses of ten AdamW steps on the
same batch (before each update), and final.NAME.

transformers has no GPT-3: its blocks are GPT-2's, each called with its own mask, and its config.json is in gorgpt's
form.

Run: python parity.py [CASE…], into PARITY_OUT if that is set (made with the versions in the metadata of expected.safetensors)
"""
import json
import os
import pathlib
import platform
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent

# Vocabulary, context, width, layers and heads, all unequal so that a mistake is not hidden; then sequences
# and tokens of the batch.
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
    "gpt2-cerebras": ("gpt2", (19, 8, 6, 2, 2), (2, 7), {"activation_function": "gelu", "n_inner": 20, "scale_attn_by_inverse_layer_idx": True}),
    "gpt3-w1": ("gpt3", (19, 8, 6, 2, 2), (2, 8), {"window_size": 1, "attention_order": "banded,dense"}),
    "gpt3-w4": ("gpt3", (21, 11, 8, 2, 2), (2, 11), {"window_size": 4, "attention_order": "dense,banded"}),
    "gpt3-w5": ("gpt3", (17, 13, 9, 3, 3), (2, 12), {"window_size": 5, "attention_order": "banded,banded,dense"}),
    "gpt3-wide": ("gpt3", (19, 9, 8, 2, 2), (2, 9), {"window_size": 9, "attention_order": "dense,banded"}),
    "gptneo-odd": ("gptneo", (21, 13, 10, 3, 2), (2, 12), {"window_size": 4, "attention_types": [[["global", "local"], 1], [["local"], 1]]}),
    "gptneo-w1": ("gptneo", (11, 7, 4, 1, 1), (2, 7), {"window_size": 1, "attention_types": [[["local"], 1]]}),
    "gptneo-wide": ("gptneo", (11, 7, 6, 2, 3), (2, 7), {"window_size": 7, "attention_types": [[["local"], 2]], "tie_word_embeddings": False}),
    "gptneo-relu": ("gptneo", (17, 9, 6, 2, 2), (2, 9), {"window_size": 5, "attention_types": [[["global", "local"], 1]], "intermediate_size": 10, "activation_function": "relu", "layer_norm_epsilon": 1e-3}),
    "nanochat-odd": ("nanochat", (37, 11, 18, 2, 3), (2, 9), {"num_key_value_heads": 1, "intermediate_size": 20}),
    "nanochat-yarn": ("nanochat", (23, 12, 16, 2, 4), (2, 12), {"num_key_value_heads": 2, "intermediate_size": 24, "final_logit_softcapping": 2.0, "rms_norm_eps": 1e-3, "rope_parameters": {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 6}}),
    "nanochat-tied": ("nanochat", (19, 8, 8, 1, 1), (3, 8), {"intermediate_size": 13, "final_logit_softcapping": None, "tie_word_embeddings": True, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 50.0}}),
    "mixtral-odd": ("mixtral", (19, 12, 6, 2, 3), (3, 11), {"num_key_value_heads": 1, "intermediate_size": 5, "num_local_experts": 5, "num_experts_per_tok": 2, "output_router_logits": True, "router_aux_loss_coef": 0.3}),
    "mixtral-window": ("mixtral", (11, 9, 6, 2, 2), (2, 9), {"num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 7, "num_local_experts": 4, "num_experts_per_tok": 3, "sliding_window": 4, "rms_norm_eps": 1e-3, "rope_parameters": {"rope_type": "default", "rope_theta": 50.0}}),
    "mixtral-tied": ("mixtral", (11, 8, 4, 1, 2), (3, 8), {"num_key_value_heads": 1, "intermediate_size": 5, "num_local_experts": 3, "num_experts_per_tok": 1, "tie_word_embeddings": True, "output_router_logits": True, "router_aux_loss_coef": 0.1}),
    "llama-odd": ("llama", (23, 11, 12, 2, 3), (2, 9), {"num_key_value_heads": 1, "intermediate_size": 17}),
    "llama-biases": ("llama", (19, 16, 12, 2, 4), (2, 15), {"num_key_value_heads": 2, "head_dim": 6, "intermediate_size": 13, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "rms_norm_eps": 1e-3, "rope_parameters": {"rope_type": "llama3", "rope_theta": 50.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8}}),
    "llama-linear": ("llama", (23, 12, 8, 2, 2), (3, 12), {"num_key_value_heads": 2, "intermediate_size": 11, "attention_bias": True, "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100.0}}),
    "llama-yarn": ("llama", (17, 12, 16, 1, 2), (2, 12), {"num_key_value_heads": 1, "intermediate_size": 24, "mlp_bias": True, "tie_word_embeddings": True, "rope_parameters": {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 6}}),
    "gptoss-kinds": ("gptoss", (17, 14, 9, 3, 3), (2, 13), {"num_key_value_heads": 1, "head_dim": 4, "intermediate_size": 5, "num_local_experts": 5, "num_experts_per_tok": 3, "sliding_window": 4, "rms_norm_eps": 1e-3, "layer_types": ["full_attention", "sliding_attention", "sliding_attention"], "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}}),
}
# A case that is too large to be stored; it is computed when the test runs Python.
LARGE = {
    "gptoss-tiny": ("gptoss", (96, 131072, 32, 2, 4), (2, 11), {"num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 24, "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": 5, "output_router_logits": True, "router_aux_loss_coef": 0.9}),
}
STEPS, RATE, BETAS, EPS, DECAY, CLIP = 10, 1e-3, (0.9, 0.95), 1e-8, 0.1, 1.0


def build(kind, dims, more):
    vocab, context, width, layers, heads = dims
    sizes = dict(vocab_size=vocab, n_positions=context, n_embd=width, n_layer=layers, n_head=heads, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0, **more)
    if kind == "gptneo":
        sizes = dict(vocab_size=vocab, max_position_embeddings=context, hidden_size=width, num_layers=layers, num_heads=heads, **more)
        return transformers.GPTNeoForCausalLM(transformers.GPTNeoConfig(bos_token_id=None, eos_token_id=None, **sizes))
    if kind == "nanochat":
        sizes = dict(vocab_size=vocab, max_position_embeddings=context, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, **more)
        return transformers.NanoChatForCausalLM(transformers.NanoChatConfig(bos_token_id=None, eos_token_id=None, pad_token_id=None, attn_implementation="eager", **sizes))
    if kind == "mixtral":
        sizes = dict(vocab_size=vocab, max_position_embeddings=context, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, **more)
        return transformers.MixtralForCausalLM(transformers.MixtralConfig(bos_token_id=None, eos_token_id=None, attn_implementation="eager", experts_implementation="eager", **sizes))
    if kind == "llama":
        sizes = dict(vocab_size=vocab, max_position_embeddings=context, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, **more)
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(bos_token_id=None, eos_token_id=None, attn_implementation="eager", **sizes))
    if kind == "gptoss":
        sizes = dict(vocab_size=vocab, max_position_embeddings=context, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, **more)
        return transformers.GptOssForCausalLM(transformers.GptOssConfig(bos_token_id=None, eos_token_id=None, attn_implementation="eager", experts_implementation="eager", **sizes))
    if kind in ("gpt2", "gpt3"):
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(bos_token_id=None, eos_token_id=None, **sizes))
    return transformers.OpenAIGPTLMHeadModel(transformers.OpenAIGPTConfig(**sizes))


def is_banded(config, layer):
    order = config.attention_order.split(",")
    return order[layer % len(order)] == "banded"


def logits_of(model, tokens):
    """The logits; for a model with bands, they are computed by GPT-2's blocks with 4-D masks."""
    c = model.config
    if not hasattr(c, "attention_order"):
        return model(tokens).logits
    i, j = torch.meshgrid(*[torch.arange(tokens.shape[1])] * 2, indexing="ij")
    t = model.transformer
    x = t.wte(tokens) + t.wpe(torch.arange(tokens.shape[1]))
    for layer, block in enumerate(t.h):
        seen = (j <= i) & (j > i - c.window_size) if is_banded(c, layer) else j <= i
        mask = torch.zeros_like(seen, dtype=x.dtype).masked_fill(~seen, torch.finfo(x.dtype).min)
        x = block(x, attention_mask=mask[None, None])
    return model.lm_head(t.ln_f(x))


def loss_of(model, tokens, targets):
    """The logits, the cross-entropy, and the auxiliary loss, without and with its coefficient."""
    c = model.config
    if getattr(c, "output_router_logits", False):
        out = model(tokens)
        logits, aux = out.logits, out.aux_loss
    else:
        logits, aux = logits_of(model, tokens), None
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    return logits, loss, aux, 0 if aux is None else c.router_aux_loss_coef * aux


def stored(model, name, x):
    """A parameter-like tensor under gorgpt's names; all experts' w1, w2 and w3 are one tensor each."""
    if model.config.model_type == "mixtral":
        name = name.replace(".mlp.", ".block_sparse_moe.")
        if name.endswith("gate_up_proj"):
            return {name.replace("gate_up_proj", w + ".weight"): part for w, part in zip(("w1", "w3"), x.chunk(2, dim=1))}
        if name.endswith("down_proj"):
            return {name.replace("down_proj", "w2.weight"): x}
    if model.config.model_type == "gpt_oss" and name.endswith(("gate_up_proj", "down_proj")):
        return {name: x.transpose(1, 2)}
    return {name: x}


def matrix(name, p):
    """Whether a parameter has weight decay; a bias of all experts does not."""
    return p.dim() >= 2 and not name.endswith("_bias")


def weights(model):
    """The parameters under gorgpt's names, a tied one only once."""
    tied = model.config.tie_word_embeddings
    return {name.removeprefix("transformer.").removeprefix("model."): p for name, p in model.named_parameters() if not (tied and name == "lm_head.weight")}


def record(name, kind, dims, shape, more):
    torch.manual_seed(sum(map(ord, name)))
    model = build(kind, dims, more)
    with torch.no_grad():
        for n, p in model.named_parameters():
            if kind == "gptoss" and "experts" in n:
                p.copy_(torch.randn_like(p) * (0.5 if n.endswith("down_proj") else 2))  # gates beyond the limit
            elif p.dim() > 1:
                p.copy_(torch.randn_like(p) * 0.2)
            elif n.endswith("bias"):
                p.copy_(torch.randn_like(p) * 0.1)
            else:
                p.copy_(1 + torch.randn_like(p) * 0.1)
    folder = pathlib.Path(os.environ.get("PARITY_OUT", HERE)) / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if kind == "gpt3":
        config = json.loads((folder / "config.json").read_text())
        wide = more["window_size"] >= dims[1]
        config |= {"gorgpt_family": "gpt3"} if wide else {"model_type": "gpt3"}
        (folder / "config.json").write_text(json.dumps(config, indent=2))
    model = model.double().eval()

    tokens, targets = (torch.randint(dims[0], shape) for _ in range(2))
    logits, loss, aux, added = loss_of(model, tokens, targets)
    (loss + added).backward()
    out = {"tokens": tokens.int(), "targets": targets.int(), "logits": logits, "loss": loss.reshape(1)}
    if aux is not None:
        out["aux"] = aux.reshape(1)
    for n, p in weights(model).items():
        out |= {f"grad.{n}": x for n, x in stored(model, n, p.grad).items()}

    model.zero_grad()
    params = weights(model)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for n, p in params.items() if matrix(n, p)], "weight_decay": DECAY},
            {"params": [p for n, p in params.items() if not matrix(n, p)], "weight_decay": 0.0},
        ],
        lr=RATE, betas=BETAS, eps=EPS,
    )
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, loss, _, added = loss_of(model, tokens, targets)
        losses.append(loss.detach())
        (loss + added).backward()
        torch.nn.utils.clip_grad_norm_(params.values(), CLIP)
        optimizer.step()
    out["losses"] = torch.stack(losses)
    for n, p in weights(model).items():
        out |= {f"final.{n}": x for n, x in stored(model, n, p).items()}
    out = {n: t.detach().float().contiguous() for n, t in out.items()}
    versions = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    save_file(out, folder / "expected.safetensors", metadata=versions)


for name in sys.argv[1:] or CASES:
    record(name, *(CASES | LARGE)[name])
