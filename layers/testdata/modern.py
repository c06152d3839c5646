"""Makes the fixtures of modern_test.go and moderns_test.go: tiny random models of transformers with RMSNorm, rotary
positions, gated MLPs, grouped queries and other components newer than GPT-2, and what PyTorch computes with them in float64.

Each case has a file NAME.safetensors, with weight.NAME and grad.NAME of every parameter, tokens, targets, logits and loss.
Parameters have the names that the test's models use.

Run: python modern.py (made with the versions in the metadata of the files)
"""
import pathlib
import platform
import types

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.gpt_oss import modeling_gpt_oss as oss

HERE = pathlib.Path(__file__).parent

# Unequal sizes, so that a mistake is not hidden.
SIZES = dict(
    vocab_size=29, hidden_size=16, intermediate_size=22, num_hidden_layers=2, max_position_embeddings=16,
    attn_implementation="eager", tie_word_embeddings=False, pad_token_id=None, bos_token_id=None, eos_token_id=None,
)
CASES = {
    # Grouped queries: one head of keys and values for two of queries.
    "llama": transformers.LlamaForCausalLM(transformers.LlamaConfig(
        num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0}, **SIZES)),
    # Heads wider than C/H, each normalized before the rotation; one head of keys and values.
    "qwen3": transformers.Qwen3ForCausalLM(transformers.Qwen3Config(
        num_attention_heads=3, num_key_value_heads=1, head_dim=6, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, **SIZES)),
    # Soft-caps low enough to matter, on scores and logits; norms with 1 + w before and after each branch;
    # GEGLU; a window in one layer.
    "gemma2": transformers.Gemma2ForCausalLM(transformers.Gemma2Config(
        num_attention_heads=4, num_key_value_heads=2, head_dim=6, query_pre_attn_scalar=10, rms_norm_eps=1e-6,
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0, sliding_window=5,
        layer_types=["sliding_attention", "full_attention"],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, **SIZES)),
    # Norms without gains, also of queries and keys after the rotation (in the opposite direction),
    # squared ReLU, capped logits.
    "nanochat": transformers.NanoChatForCausalLM(transformers.NanoChatConfig(
        num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6, final_logit_softcapping=3.0, hidden_act="relu2",
        rope_parameters={"rope_type": "default", "rope_theta": 100.0}, **SIZES)),
    # Parallel branches after one norm; neighboring columns are rotated, in a part of each head.
    "gptj": transformers.GPTJForCausalLM(transformers.GPTJConfig(
        vocab_size=29, n_positions=16, n_embd=16, n_layer=2, n_head=2, rotary_dim=4, n_inner=22, activation_function="gelu_new",
        attn_implementation="eager", tie_word_embeddings=False, bos_token_id=None, eos_token_id=None)),
    # ALiBi for a number of heads that is not a power of two.
    "bloom": transformers.BloomForCausalLM(transformers.BloomConfig(
        vocab_size=29, hidden_size=18, n_layer=2, n_head=3, attn_implementation="eager", tie_word_embeddings=False,
        pad_token_id=None, bos_token_id=None, eos_token_id=None)),
}


class GptOss(torch.nn.Module):
    """gpt-oss without its MLPs: sinks, alternating windows, YaRN, biases."""

    def __init__(self):
        super().__init__()
        self.config = transformers.GptOssConfig(
            num_attention_heads=4, num_key_value_heads=2, head_dim=8, sliding_window=5, rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
                             "truncate": False, "original_max_position_embeddings": 4096}, **SIZES)
        self.embed_tokens = torch.nn.Embedding(29, 16)
        self.layers = torch.nn.ModuleList(torch.nn.ModuleDict({
            "input_layernorm": oss.GptOssRMSNorm(16), "self_attn": oss.GptOssAttention(self.config, i)}) for i in range(2))
        self.norm = oss.GptOssRMSNorm(16)
        self.lm_head = torch.nn.Linear(16, 29, bias=False)
        self.rotary = [oss.GptOssRotaryEmbedding(self.config)]  # not a module, so that it stays in float32

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        t = torch.arange(tokens.shape[1])
        far = t[:, None] - t
        for i, layer in enumerate(self.layers):
            seen = (far >= 0) & (far < (5 if i == 0 else 99))
            mask = torch.where(seen, 0.0, float("-inf"))[None, None].to(x.dtype)
            x = x + layer["self_attn"](layer["input_layernorm"](x), self.rotary[0](x, t[None]), mask)[0]
        return types.SimpleNamespace(logits=self.lm_head(self.norm(x)))


CASES["gptoss"] = GptOss()


def renamed(name, tensor):
    """Names and parts of a parameter as the test's models use them."""
    name = name.removeprefix("model.").removeprefix("transformer.")
    if "query_key_value" not in name:  # otherwise the rows are those of q, k and v of one head, then of the next
        return {name.replace("out_proj", "o_proj"): tensor}
    parts = tensor.unflatten(0, (3, 3, 6)).unbind(1)
    return {name.replace("query_key_value", f"{part}_proj"): p.flatten(0, 1) for part, p in zip("qkv", parts)}


def losses():
    """The loss of a head with each option, and its gradients."""
    torch.manual_seed(17)
    x, w = torch.randn(9, 5).double(), torch.randn(11, 5).double()
    targets = torch.tensor([3, -1, 0, 10, 7, 7, -1, 2, 5])
    weights = torch.rand(9).double()
    out = {"x": x, "w": w, "targets": targets.float(), "weights": weights}
    for name, cap, z, smoothing, weighted in [("cap", 1.5, 0, 0, 0), ("z", 0, 0.1, 0, 0), ("smoothing", 0, 0, 0.2, 0), ("all", 2.0, 0.05, 0.3, 0), ("all_weighted", 2.0, 0.05, 0.3, 1)]:
        a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
        y = a @ b.T
        if cap:
            y = cap * torch.tanh(y / cap)
        rows = torch.nn.functional.cross_entropy(y, targets, ignore_index=-1, label_smoothing=smoothing, reduction="none")
        rows = rows + z * torch.logsumexp(y, -1) ** 2 * (targets >= 0)
        loss = (rows * weights).sum() if weighted else rows.sum() / (targets >= 0).sum()
        loss.backward()
        out |= {f"{name}.loss": loss.detach().reshape(1), f"{name}.dx": a.grad, f"{name}.dw": b.grad}
    save("losses", out)


def save(name, tensors):
    versions = {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}
    save_file({n: t.detach().float().contiguous() for n, t in tensors.items()}, HERE / f"{name}.safetensors", versions)


def record(name, model):
    torch.manual_seed(sum(map(ord, name)))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.3 if p.dim() > 1 else 1 + torch.randn_like(p) * 0.1)
    model = model.double().eval()
    tokens, targets = (torch.randint(SIZES["vocab_size"], (2, 13)) for _ in range(2))
    logits = model(tokens).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    out = {"tokens": tokens.float(), "targets": targets.float(), "logits": logits.float(), "loss": loss.reshape(1).float()}
    for n, p in model.named_parameters():
        out |= {f"weight.{n}": t for n, t in renamed(n, p).items()} | {f"grad.{n}": t for n, t in renamed(n, p.grad).items()}
    save(name, out)


for name, model in CASES.items():
    record(name, model)
losses()
