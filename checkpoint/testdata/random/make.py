"""Draws 30 models of transformers over all keys of their configurations, and over the forms of
files that people have, and computes the logits with transformers in float64.

    python make.py          # numpy, torch, safetensors, transformers 5.24

expected.json gives for each model the key that gorgpt must reject, or "".
"""

import json
import os
import random
import shutil
import warnings

import torch
from safetensors.torch import load_file, save_file, save_model
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2DoubleHeadsModel,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    OpenAIGPTConfig,
    OpenAIGPTDoubleHeadsModel,
    OpenAIGPTLMHeadModel,
)

SEED = 20261128
HERE = os.path.dirname(os.path.abspath(__file__))
DRAW = random.Random(SEED)

KNOWN = ["gelu", "gelu_fast", "gelu_new", "gelu_python", "gelu_pytorch_tanh", "gelu_accurate", "gelu_python_tanh", "quick_gelu", "relu", "silu", "swish"]
UNKNOWN = ["gelu_10", "hardswish", "laplace", "leaky_relu", "linear", "mish", "relu2", "relu6", "sigmoid", "tanh"]
ALIASES = {"n_embd": "hidden_size", "n_head": "num_attention_heads", "n_layer": "num_hidden_layers", "n_positions": "max_position_embeddings"}
FORMS = ["plain", "trunk", "f16", "bf16", "f64", "sharded", "save_model", "wrapped", "prefixed", "double heads", "classifier"]

# Keys that tools leave in a file, and keys that ask for a different model.
HARMLESS = {
    "_name_or_path": "some/where", "torchscript": False, "n_ctx": 5, "task_specific_params": {"text-generation": {"do_sample": True}},
    "gradient_checkpointing": False, "top_k": 50, "_commit_hash": None, "tokenizer_class": "GPT2Tokenizer", "pruned_heads": {}, "finetuning_task": "sst2",
    "max_length": 20, "unsloth_version": "2025.1", "layer_types": None,
}
ASKS = {"sliding_window": 4, "rope_theta": 10000.0, "n_heads": 1, "embedding_scale": 2.0, "parallel_residual": True, "quantization_config": {"quant_method": "gptq", "bits": 4}}


def common():
    head = DRAW.choice([1, 2, 3, 4])
    k = {
        "vocab_size": DRAW.randint(5, 63), "n_positions": DRAW.randint(4, 12), "n_head": head, "n_layer": DRAW.choice([1, 1, 2]),
        "n_embd": head * DRAW.choice([n for n in range(1, 25) if 8 <= n * head <= 20]),
        "resid_pdrop": DRAW.choice([0.0, 0.1, 0.3]), "embd_pdrop": DRAW.choice([0.0, 0.1]), "attn_pdrop": DRAW.choice([0.0, 0.2]),
        "layer_norm_epsilon": DRAW.choice([1e-5, 1e-6, 1e-3, 0.1]), "initializer_range": DRAW.choice([0.02, 0.1]),
        "summary_type": DRAW.choice(["last", "cls_index"]), "summary_use_proj": DRAW.choice([True, False]),
        "summary_activation": DRAW.choice([None, "tanh"]), "summary_proj_to_labels": DRAW.choice([True, False]), "summary_first_dropout": 0.1,
        "bos_token_id": DRAW.choice([None, 0, 3]), "eos_token_id": DRAW.choice([None, 0, 4, [0, 4]]), "pad_token_id": 1,
    }
    if DRAW.random() < 0.3:
        k["id2label"] = {"0": "no", "1": "yes", "2": "maybe"}
    return k


def gpt2():
    k = common()
    k["n_inner"] = DRAW.choice([None, None, 4 * k["n_embd"], DRAW.randint(5, 30)])
    k["activation_function"] = DRAW.choice(KNOWN * 4 + UNKNOWN)
    k["scale_attn_weights"] = DRAW.random() < 0.7
    k["scale_attn_by_inverse_layer_idx"] = DRAW.random() < 0.4
    k["reorder_and_upcast_attn"] = DRAW.random() < 0.3
    k["use_cache"] = DRAW.random() < 0.7
    k["add_cross_attention"] = DRAW.random() < 0.05
    k["tie_word_embeddings"] = DRAW.random() < 0.95
    refused = ""
    if k["activation_function"] in UNKNOWN:
        refused = "activation_function"
    if k["add_cross_attention"]:
        refused = "add_cross_attention"
    return GPT2Config(**k), refused


def gpt1():
    k = common()
    k["afn"] = DRAW.choice(["gelu", "relu", "silu", "swish"])
    k["tie_word_embeddings"] = DRAW.random() < 0.95
    return OpenAIGPTConfig(**k), ""


def build(cls, config):
    model = cls(config).eval()
    for name, p in model.named_parameters():
        p.data.normal_(0, 0.4)
        if "ln_" in name and name.endswith("weight"):
            p.data.add_(1)
    model.tie_weights()
    return model


def rounded(model, dtype):
    for p in model.parameters():
        p.data = p.data.to(dtype).to(torch.float32)


def save(model, form, path):
    """Returns whether transformers opens the saved model."""
    dtype = {"f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}.get(form)
    if dtype:
        rounded(model, dtype)
        model.to(dtype).save_pretrained(path)
        model.to(torch.float32)
        return True
    if form == "sharded":
        model.save_pretrained(path, max_shard_size="8KB")
        name = os.path.join(path, "model.safetensors.index.json")
        if not os.path.exists(name):
            return True
        index = json.load(open(name))
        first = os.path.join(path, sorted(index["weight_map"].values())[0])
        tensors = load_file(first)
        if DRAW.random() < 0.5:  # a mask that the index omits
            tensors["transformer.h.0.attn.bias"] = torch.tril(torch.ones(5, 5)).view(1, 1, 5, 5)
            save_file(tensors, first, {"format": "pt"})
        if model.config.tie_word_embeddings:  # a tied tensor that no shard has
            index["weight_map"]["lm_head.weight"] = os.path.basename(first)
        json.dump(index, open(name, "w"), indent=2)
        return True
    if form == "save_model":
        model.config.save_pretrained(path)
        save_model(model, os.path.join(path, "model.safetensors"), {"format": "pt"})
        return True
    if form in ("wrapped", "prefixed"):
        model.config.save_pretrained(path)
        prefix = DRAW.choice(["_orig_mod.", "module.", "_orig_mod.module.", "model."]) if form == "prefixed" else DRAW.choice(["", "module."])
        state = {prefix + k: v for k, v in model.state_dict().items()}
        key = DRAW.choice(["model", "state_dict", "model_state_dict", "module"]) if form == "wrapped" else None
        if key:
            optimizer = torch.optim.AdamW([next(model.parameters())])
            state = {"epoch": 3, key: state, "optimizer": optimizer.state_dict(), "loss": torch.tensor(1.5)}
        torch.save(state, os.path.join(path, "pytorch_model.bin"), _use_new_zipfile_serialization=DRAW.random() < 0.7)
        return False
    (model.transformer if form == "trunk" else model).save_pretrained(path)
    return True


def vary(path, refused):
    """Writes some keys under another name, leaves out defaults, and adds other keys."""
    name = os.path.join(path, "config.json")
    config = json.load(open(name))
    for key, alias in ALIASES.items():
        if DRAW.random() < 0.3:
            config[alias] = config[key]
            if DRAW.random() < 0.5:
                config[key] = 7  # the alias takes precedence
            else:
                del config[key]
    for key, default in ("scale_attn_weights", True), ("tie_word_embeddings", True), ("activation_function", "gelu_new"), ("n_inner", None), ("layer_norm_epsilon", 1e-5):
        if config.get(key) == default and DRAW.random() < 0.5:
            config.pop(key, None)
    for key in DRAW.sample(sorted(HARMLESS), 3):
        config[key] = HARMLESS[key]
    asks = ""
    if not refused and DRAW.random() < 0.1:
        asks = DRAW.choice(sorted(ASKS))
        config[asks] = ASKS[asks]
    keys = list(config)
    DRAW.shuffle(keys)
    json.dump({k: config[k] for k in keys}, open(name, "w"), indent=1)
    return asks


def main():
    warnings.filterwarnings("ignore")
    torch.manual_seed(SEED)
    expected = []
    for i in range(30):
        name = "%02d" % i
        path = os.path.join(HERE, name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        form = FORMS[i % len(FORMS)]
        if i % 5 < 3:
            config, refused = gpt2()
            cls = {"double heads": GPT2DoubleHeadsModel, "classifier": GPT2ForSequenceClassification}.get(form, GPT2LMHeadModel)
            lm = GPT2LMHeadModel
        else:
            config, refused = gpt1()
            cls = {"double heads": OpenAIGPTDoubleHeadsModel}.get(form, OpenAIGPTLMHeadModel)
            lm = OpenAIGPTLMHeadModel
        if not config.tie_word_embeddings and form in ("trunk", "classifier"):
            refused = refused or "tie_word_embeddings"  # the file has no head
        # The reordered eager attention works only in float32.
        config._attn_implementation = attention = "sdpa" if getattr(config, "reorder_and_upcast_attn", False) else "eager"
        model = build(cls, config)
        opens = save(model, form, path)
        if cls is not lm:  # the same trunk under the head of a language model
            saved, model = model, lm(config).eval()
            model.transformer = saved.transformer
            head = saved.get_input_embeddings() if config.tie_word_embeddings else getattr(saved, "lm_head", model.lm_head)
            model.lm_head.weight = head.weight
        tokens = [DRAW.randrange(config.vocab_size) for _ in range(config.n_positions)]
        model.double()
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[0]
        asks = vary(path, refused)
        if opens and not asks and (config.tie_word_embeddings or form not in ("trunk", "classifier")):
            again = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64, attn_implementation=attention).eval()
            with torch.no_grad():
                assert torch.allclose(again(torch.tensor([tokens])).logits[0], logits, rtol=1e-6, atol=1e-6), name
        for extra in ("generation_config.json", "README.md"):
            if os.path.exists(os.path.join(path, extra)):
                os.remove(os.path.join(path, extra))
        expected.append({"name": name, "form": form, "refused": refused or asks, "tokens": tokens, "logits": [[float("%.8g" % v) for v in row] for row in logits.tolist()]})
        print(name, config.model_type, form, refused or asks)
    with open(os.path.join(HERE, "expected.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e) for e in expected) + "\n]\n")


main()
