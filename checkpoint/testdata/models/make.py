"""Makes the fixtures of this folder: a tiny GPT-2, a tiny GPT-1 and a tiny Llama, each in every form that can be imported.

Made with torch 2.15.0, transformers, safetensors 0.8.0, numpy:  python make.py
and with TensorFlow 2.21.0, in another environment:              python make.py tf
The Llama alone:                                                 python make.py llama

Every weight is a multiple of 2^-9 below 1/4 (gains: 1 plus that), so that float32, float16 and bfloat16 hold the
same numbers and every form must give the same bits. The models keep GPT's shapes; the sizes are small and all
different, so that an exchanged dimension is noticed.
"""

import json
import os
import shutil
import struct
import sys

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
V, T, C, L, H = 13, 6, 8, 2, 2


def path(*names):
    p = os.path.join(here, *names)
    os.makedirs(os.path.dirname(p), exist_ok=True)
    return p


def randomize(model):
    import torch

    g = torch.Generator().manual_seed(1)
    for name, p in sorted(model.named_parameters()):
        values = torch.randint(-127, 128, p.shape, generator=g).float() / 512
        if "ln_" in name and name.endswith("weight"):
            values = 1 + values.sign() * (values.abs() * 128).floor() / 128  # bfloat16 has 8 significant bits
        p.data.copy_(values)
    return model.eval()


def make_gpt2():
    import torch
    from safetensors.torch import save_file
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=V, n_positions=T, n_embd=C, n_layer=L, n_head=H, bos_token_id=0, eos_token_id=0)
    model = randomize(GPT2LMHeadModel(config))
    model.save_pretrained(path("gpt2", "hf"))
    model.save_pretrained(path("gpt2", "sharded"), max_shard_size="4KB")
    for dtype, name in [(torch.float16, "f16"), (torch.bfloat16, "bf16")]:
        model.to(dtype).save_pretrained(path("gpt2", name))
        model.float()
    for d in ["hf", "sharded", "f16", "bf16"]:
        file = path("gpt2", d, "generation_config.json")
        if os.path.exists(file):
            os.remove(file)

    # As published in 2019: no prefix, masks are stored, there is no head; in the format before PyTorch 1.6.
    old = {k.removeprefix("transformer."): v for k, v in model.state_dict().items() if k != "lm_head.weight"}
    for i in range(L):
        old[f"h.{i}.attn.bias"] = torch.tril(torch.ones(T, T)).reshape(1, 1, T, T)
    for d in ["legacy", "zip"]:
        shutil.copy(path("gpt2", "hf", "config.json"), path("gpt2", d, "config.json"))
    torch.save(old, path("gpt2", "legacy", "pytorch_model.bin"), _use_new_zipfile_serialization=False)
    # As today: with the prefix, the tied head shares its storage; one matrix is stored column by column.
    new = model.state_dict()
    key = "transformer.h.1.mlp.c_fc.weight"
    new[key] = new[key].t().contiguous().t()
    torch.save(new, path("gpt2", "zip", "pytorch_model.bin"))

    # llm.c, as in its train_gpt2.py: [out, in], tensors grouped by name over the layers, padded vocabulary.
    sd = model.transformer.state_dict()
    order = ["ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight", "attn.c_proj.bias",
             "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"]  # fmt: skip
    padded = (V + 127) // 128 * 128
    for version, dtype, name in [(3, torch.float32, "llmc.bin"), (5, torch.bfloat16, "llmc_bf16.bin")]:
        header = np.zeros(256, dtype="<i4")
        header[:8] = 20240326, version, T, V, L, H, C, padded
        tensors = [torch.nn.functional.pad(sd["wte.weight"], (0, 0, 0, padded - V)), sd["wpe.weight"]]
        for k in order:
            for i in range(L):
                w = sd[f"h.{i}.{k}"]
                tensors.append(w.t() if w.dim() == 2 else w)
        tensors += [sd["ln_f.weight"], sd["ln_f.bias"]]
        with open(path("gpt2", name), "wb") as f:
            f.write(header.tobytes())
            for t in tensors:
                t = t.contiguous().to(dtype)
                f.write((t if dtype == torch.float32 else t.view(torch.int16)).numpy().tobytes())

    np.savez("/tmp/gorgpt_tiny_gpt2.npz", **{k: v.numpy() for k, v in sd.items()})


def make_tf():
    """OpenAI's checkpoint, written by TensorFlow itself from the file that make_gpt2 left."""
    import tensorflow as tf

    v1 = tf.compat.v1
    sd = np.load("/tmp/gorgpt_tiny_gpt2.npz")
    names = {"wte.weight": "model/wte", "wpe.weight": "model/wpe"}
    for k in sd.files:
        if k not in names:
            stem, kind = k.rsplit(".", 1)
            parts = stem.split(".")
            if parts[0] == "h":
                parts = ["h" + parts[1]] + parts[2:]
            letter = "b" if kind == "bias" else "g" if parts[-1].startswith("ln_") else "w"
            names[k] = "model/" + "/".join(parts + [letter])
    with tf.Graph().as_default(), v1.Session() as session:
        variables = []
        for k in sd.files:
            value = sd[k]
            if names[k].endswith("/w"):
                value = value[None]
            variables.append(v1.get_variable(names[k], initializer=value, use_resource=False))
        variables.append(v1.get_variable("global_step", initializer=np.int64(7), use_resource=False))
        session.run(v1.global_variables_initializer())
        v1.train.Saver(variables).save(session, path("gpt2", "tf", "model.ckpt"), write_meta_graph=False)
    with open(path("gpt2", "tf", "checkpoint"), "w") as f:  # TensorFlow writes the full path
        f.write('model_checkpoint_path: "model.ckpt"\nall_model_checkpoint_paths: "model.ckpt"\n')
    with open(path("gpt2", "tf", "hparams.json"), "w") as f:
        json.dump({"n_vocab": V, "n_ctx": T, "n_embd": C, "n_head": H, "n_layer": L}, f)
    with open(path("gpt2", "tf", "encoder.json"), "w") as f:
        json.dump({chr(97 + i): i for i in range(V)}, f)
    with open(path("gpt2", "tf", "vocab.bpe"), "w") as f:
        f.write("#version: 0.2\n")


def make_gpt1():
    from transformers import OpenAIGPTConfig, OpenAIGPTLMHeadModel

    config = OpenAIGPTConfig(vocab_size=V, n_positions=T, n_embd=C, n_layer=L, n_head=H)
    model = randomize(OpenAIGPTLMHeadModel(config))
    model.save_pretrained(path("gpt1", "hf"))
    file = path("gpt1", "hf", "generation_config.json")
    if os.path.exists(file):
        os.remove(file)
    sd = model.transformer.state_dict()
    tensors = [sd["positions_embed.weight"].numpy(), sd["tokens_embed.weight"].numpy()]
    for i in range(L):
        for k in ["attn.c_attn", "attn.c_proj", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2"]:
            w = sd[f"h.{i}.{k}.weight"].numpy()
            tensors += [w if w.ndim == 1 else w[None], sd[f"h.{i}.{k}.bias"].numpy()]
    with open(path("gpt1", "npy", "params_shapes.json"), "w") as f:
        json.dump([list(t.shape) for t in tensors], f)
    flat = np.concatenate([t.reshape(-1) for t in tensors])
    for i, part in enumerate(np.array_split(flat, 10)):
        np.save(path("gpt1", "npy", f"params_{i}.npy"), part)
    # The original has none; its reader assumes heads of size 64, which a tiny model cannot have.
    shutil.copy(path("gpt1", "hf", "config.json"), path("gpt1", "npy", "config.json"))


def make_llama():
    """One Llama in the three versions of llama2.c's export.py."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    inner, heads, shared, group = 12, 4, 2, 4
    config = LlamaConfig(vocab_size=V, max_position_embeddings=T, hidden_size=C, intermediate_size=inner, num_hidden_layers=L, num_attention_heads=heads,
                         num_key_value_heads=shared, rms_norm_eps=1e-5, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)  # fmt: skip
    model = LlamaForCausalLM(config)
    g = torch.Generator().manual_seed(2)
    for _, p in sorted(model.named_parameters()):
        values = torch.randint(-127, 128, p.shape, generator=g).float() / 512
        if p.dim() == 1:
            values += 1
        else:  # a scale of 2^-9 for each group, so that nothing is lost in 8 bits
            values.view(-1, group)[:, 1] = 127 / 512
        p.data.copy_(values)
    model.save_pretrained(path("llama", "hf"))
    os.remove(path("llama", "hf", "generation_config.json"))
    sd = {k.removeprefix("model."): v for k, v in model.state_dict().items()}

    def pairs(w, n):  # rows of queries and keys in Meta's order
        return w.view(n, 2, w.shape[0] // n // 2, -1).transpose(1, 2).reshape(w.shape)

    def layers(name):
        all = [sd[f"layers.{i}.{name}.weight"] for i in range(L)]
        return [pairs(w, heads if "q_proj" in name else shared) for w in all] if name.endswith(("q_proj", "k_proj")) else all

    norms = [layers("input_layernorm"), layers("post_attention_layernorm"), [sd["norm.weight"]]]
    attention = [w for name in "qkvo" for w in layers(f"self_attn.{name}_proj")]
    mlp = [w for name in ("gate", "down", "up") for w in layers(f"mlp.{name}_proj")]
    sizes = [C, inner, L, heads, shared]
    size = C // heads
    angles = torch.outer(torch.arange(T), 1 / 10000 ** (torch.arange(0, size, 2) / size))
    first = [sd["embed_tokens.weight"], *norms[0], *attention, *norms[1], *mlp, *norms[2], angles.cos(), angles.sin(), sd["lm_head.weight"]]
    matrices = [sd["embed_tokens.weight"], *attention, *mlp, sd["lm_head.weight"]]
    later = [*norms[0], *norms[1], *norms[2]]

    def write(name, header, tensors):
        with open(path("llama", name), "wb") as f:
            f.write(header)
            for t in tensors:
                f.write(t.contiguous().numpy().tobytes())

    def header(version, more=b""):
        return (struct.pack("<Ii7iB", 0x616B3432, version, *sizes, V, T, 0) + more).ljust(256, b"\0")

    whole = [(m.reshape(-1, group) * 512).round().to(torch.int8) for m in matrices]
    scales = [m.reshape(-1, group).abs().max(dim=1).values / 127 for m in matrices]
    write("first.bin", struct.pack("<7i", *sizes, -V, T), first)
    write("version1.bin", header(1), later + matrices)
    write("version2.bin", header(2, struct.pack("<i", group)), later + [t for both in zip(whole, scales) for t in both])


if sys.argv[1:] == ["tf"]:
    make_tf()
elif sys.argv[1:] == ["llama"]:
    make_llama()
else:
    make_llama()
    make_gpt2()
    make_gpt1()
