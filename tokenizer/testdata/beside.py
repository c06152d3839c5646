"""Draws folders of a byte-level vocabulary with files beside it (tokenizer_config.json,
special_tokens_map.json, added_tokens.json), as vocab.json and merges.txt or as tokenizer.json,
and records what AutoTokenizer makes of them, for TestBeside:

    python beside.py 14 40 > beside.jsonl      # transformers 5.24, tokenizers 0.23.3

The arguments are the seed and the number of folders. Each line has the files, the ids of the beginning and
the end of text (null: none), and the ids that the tokenizer gives texts.
"""
import json
import logging
import os
import random
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

logging.disable(logging.WARNING)

TEXTS = ["", "a bc", " a", "a bc<|endoftext|> bc", "x [PAD] y  <s>  z</s>", "<x><pad>!<y> [PAD]bc", "\nbc <|endoftext|>\n", "a<tool>b"]


def vocabulary(r):
    v = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    if r.random() < .3:
        v["[PAD]"] = len(v)
    for t in ["Ġa", "bc"]:
        v[t] = len(v)
    for t in r.choice([["<|endoftext|>"], ["<|endoftext|>"], ["<s>", "</s>"], []]):
        v[t] = len(v)
    return v


def token(r, text):
    flags = {k: r.random() < .25 for k in ["lstrip", "rstrip", "single_word", "normalized"]}
    return {"content": text, "special": r.random() < .7, **flags}


def draw(r):
    v = vocabulary(r)
    merges = [("Ġ", "a"), ("b", "c")]
    files = {"config.json": {"model_type": "gpt2"}}
    next_id = len(v)
    own = {}  # ids of tokens beyond the vocabulary
    for t in r.sample(["[PAD]", "<x>", "<y>", "<tool>", "<pad>"], r.randint(0, 3)):
        if t not in v:
            own[t] = next_id
            next_id += 1
    fast = r.random() < .4
    config = {}
    k = r.random()
    if k < .4:
        config["tokenizer_class"] = r.choice(["GPT2Tokenizer", "GPT2TokenizerFast"])
    elif fast:
        config["tokenizer_class"] = r.choice(["PreTrainedTokenizerFast", "TokenizersBackend"])
    if r.random() < .3 and not fast:
        config["add_prefix_space"] = r.random() < .7
    if r.random() < .3:
        config["add_bos_token"] = r.random() < .7
    if r.random() < .15:
        config["add_eos_token"] = True
    names = {}
    there = list(own) + [t for t in ["<|endoftext|>", "<s>", "</s>", "[PAD]"] if t in v]
    for role in ["bos_token", "eos_token", "pad_token", "unk_token"]:
        if there and r.random() < .45:
            t = r.choice(there)
            names[role] = r.choice([t, {"__type": "AddedToken", **token(r, t)}])
    if own and r.random() < .3:
        names["additional_special_tokens"] = r.sample(list(own), 1)
    kind = r.choice(["decoder", "legacy", "fast only" if fast else "decoder"])
    if fast:
        t = Tokenizer(models.BPE(vocab=v, merges=merges))
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        t.decoder = decoders.ByteLevel()
        for x in own:
            d = token(r, x)
            (t.add_special_tokens if d["special"] else t.add_tokens)([AddedToken(**d)])
        files["tokenizer.json"] = json.loads(t.to_str())
    else:
        files["vocab.json"] = v
        files["merges.txt"] = "#version: 0.2\n" + "".join(a + " " + b + "\n" for a, b in merges)
    if kind == "decoder":
        config["added_tokens_decoder"] = {str(i): token(r, x) for x, i in own.items()}
    if kind == "legacy":
        if own:
            files["added_tokens.json"] = own
        if names:
            files["special_tokens_map.json"] = {k: {a: b for a, b in x.items() if a != "__type"} if isinstance(x, dict) else x for k, x in names.items()}
    else:
        config.update(names)
    if config or r.random() < .5:
        files["tokenizer_config.json"] = config
    return files


def main():
    r = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        files = draw(r)
        with tempfile.TemporaryDirectory() as d:
            for name, c in files.items():
                with open(os.path.join(d, name), "w") as f:
                    f.write(c if isinstance(c, str) else json.dumps(c))
            t = AutoTokenizer.from_pretrained(d)
            line = {"files": files, "begin": t.bos_token_id, "end": t.eos_token_id, "size": len(t), "texts": TEXTS, "ids": [t(x)["input_ids"] for x in TEXTS]}
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


main()
