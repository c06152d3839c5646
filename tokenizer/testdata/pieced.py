"""Draws SentencePiece BPE vocabularies and folders that hold them, and records how sentencepiece 0.2.3, tokenizers 0.23.3
and transformers 5.24 tokenize texts with them, for TestPieced and TestFromPieces:

    python pieced.py 3 10 > pieced.jsonl

The arguments are the seed and the number of vocabularies. A line has

    tokens, scores, types, dummy   the model: its pieces, and whether it puts a space before a text
    spm       the ids from sentencepiece
    files     a folder of it: tokenizer.json in one of the forms that are published, tokenizer_config.json, config.json
    tok       the ids from tokenizers with that tokenizer.json, with special tokens in texts treated as text
    auto      the ids from transformers' AutoTokenizer, with special tokens recognized, and with the tokens around a text
    decoded   the text that tokenizers decodes from tok
    again     the ids from transformers' LlamaTokenizer with the tokens and scores, as for GGUF files; special tokens are not recognized
"""
import io
import json
import os
import random
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, LlamaTokenizer, logging
from transformers.tokenization_utils_base import generate_merges

logging.set_verbosity_error()

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind at all; they're friends.",
    "In 1984 there were 365 days and 12 months. 2024 has 366!  Two  spaces,   three.",
    "Ünïcödé: café, naïve, Ångström, ½ ² — “quotes” … and 日本語のテキスト, русский текст.",
    "def f(x):\n    return x + 1  # a comment\n",
] * 3
WORDS = ["the", "The", "fox", "dog", "Dog's", "doesn't", "1984", "½", "café", "cafe\u0301", "日本", "русский", "ẞ", "x+1", "...", "\t", "\n", "\n\n",
         "  ", " ", " ", " ", " ", ",", "!", "\u00a0", "\u3000", "€", "🙂", "▁", "▁▁the", "<0x41>", "aaaaaaaaaaaaaaaaaaaa", "\U0001f9d1\u200d\U0001f680", "\x00"]
SPECIAL = ["<s>", "</s>", "<unk>", "<tool>"]


def model(r):
    out = io.BytesIO()
    fallback, dummy = r.random() < .75, r.random() < .75
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=out, model_type="bpe", vocab_size=r.randint(350, 390) if fallback else r.randint(110, 160),
        byte_fallback=fallback, add_dummy_prefix=dummy, remove_extra_whitespaces=False, normalization_rule_name="identity",
        character_coverage=1 if r.random() < .3 else .98, split_digits=r.random() < .5, allow_whitespace_only_pieces=r.random() < .6,
        split_by_whitespace=r.random() < .8, user_defined_symbols=["<tool>"] if r.random() < .5 else [], minloglevel=2, hard_vocab_limit=False)
    return sentencepiece.SentencePieceProcessor(model_proto=out.getvalue()), fallback, dummy


def types(sp):
    return [2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 5 if sp.is_unused(i) else 6 if sp.is_byte(i) else 4 if sp.id_to_piece(i) == "<tool>" else 1 for i in range(sp.get_piece_size())]


def folder(r, tokens, scores, kinds, fallback, dummy):
    vocab = {t: i for i, t in enumerate(tokens)}
    plain = {t: s for t, s, k in zip(tokens, scores, kinds) if k in (1, 4)}
    merges = generate_merges({t: vocab[t] for t in plain}, plain)
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=r.random() < .8, byte_fallback=fallback, ignore_merges=r.random() < .1))
    steps = [decoders.Replace("▁", " ")] + ([decoders.ByteFallback()] if fallback else []) + [decoders.Fuse()]
    if r.random() < .5:
        prepend = [normalizers.Prepend("▁")] if dummy else []
        t.normalizer = normalizers.Sequence(prepend + [normalizers.Replace(" ", "▁")]) if r.random() < .8 else normalizers.Replace(" ", "▁")
        if r.random() < .2:
            t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    else:
        t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=r.choice(["first", "always"]) if dummy else "never", split=r.random() < .3)
    t.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", left=1)] if dummy else []))
    flags = dict(normalized=r.random() < .3, lstrip=r.random() < .2, rstrip=r.random() < .2)
    t.add_special_tokens([AddedToken(x, normalized=False) for x in SPECIAL[:3]])
    if "<tool>" in vocab:
        t.add_tokens([AddedToken("<tool>", **flags)])
    bos, eos = r.random() < .7, r.random() < .2
    t.post_processor = processors.TemplateProcessing(single=("<s> " if bos else "") + "$A" + (" </s>" if eos else ""),
                                                     special_tokens=[("<s>", 1), ("</s>", 2)])
    config = {"tokenizer_class": r.choice(["LlamaTokenizer", "LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast"]), "bos_token": "<s>",
              "eos_token": "</s>", "unk_token": "<unk>"}
    if r.random() < .4:
        config["legacy"] = r.random() < .5
    if r.random() < .3:
        config["add_prefix_space"] = r.random() < .5
    if r.random() < .3:
        config["add_bos_token"] = r.random() < .5
    return t, {"tokenizer.json": json.loads(t.to_str()), "tokenizer_config.json": config, "config.json": {"model_type": r.choice(["llama", "llama", "mixtral"])}}


def texts(r):
    all = ["", " ", "a", " a", "  two  spaces", CORPUS[r.randrange(4)]]
    for _ in range(10):
        all.append("".join((r.choice(SPECIAL) if r.random() < .12 else r.choice(WORDS)) + (" " if r.random() < .4 else "") for _ in range(r.randint(1, 9))))
    return all


def main():
    r = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        sp, fallback, dummy = model(r)
        tokens = [sp.id_to_piece(i) for i in range(sp.get_piece_size())]
        scores = [sp.get_score(i) for i in range(sp.get_piece_size())]
        kinds, all = types(sp), texts(r)
        t, files = folder(r, tokens, scores, kinds, fallback, dummy)
        with tempfile.TemporaryDirectory() as d:
            for name, c in files.items():
                with open(os.path.join(d, name), "w") as f:
                    json.dump(c, f)
            auto = AutoTokenizer.from_pretrained(d)
            read = [auto(x)["input_ids"] for x in all]
        t = Tokenizer.from_str(t.to_str())
        t.encode_special_tokens = True
        plain = [t.encode(x, add_special_tokens=False).ids for x in all]
        again = LlamaTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=generate_merges({t: i for i, t in enumerate(tokens)}, dict(zip(tokens, scores))))
        again._tokenizer.encode_special_tokens = True
        line = {"tokens": tokens, "scores": scores, "types": kinds, "dummy": dummy, "texts": all, "spm": [sp.encode(x) for x in all], "files": files, "tok": plain,
                "auto": read, "decoded": [t.decode(x, skip_special_tokens=False) for x in plain], "again": [again.encode(x, add_special_tokens=False) for x in all]}
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


main()
