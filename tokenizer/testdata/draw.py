"""Draws byte-level BPE tokenizers over the options of Hugging Face's tokenizers, and records
how each tokenizes some texts, for TestDrawn:

    python draw.py 14 30 > drawn.jsonl      # tokenizers 0.23.3

The arguments are the seed and the number of tokenizers. A line is a tokenizer:

    file     tokenizer.json
    texts    texts
    special  their ids, with special tokens in them recognized, and with what the post-processor adds
    plain    their ids, with special tokens treated as text, and without that
    decoded  the text of the plain ids
    dropped  the indices of texts from which a character was omitted because it has no token
"""
import json
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind at all; they're friends.",
    "In 1984 there were 365 days and 12 months. 2024 has 366!  Two  spaces,\ttabs\nand\n\nlines.",
    "Ünïcödé: café, naïve, Ångström, ﬁne ½ ² — “quotes” … and 日本語のテキスト, русский текст.",
    "def f(x):\n    return x + 1  # a comment\n",
]

WORDS = ["the", "The", "fox", "dog", "Dog's", "doesn't", "they're", "1984", "36", "½", "café", "cafe\u0301", "ﬁne", "日本", "русский",
         "ẞ", "İ", "A\u030a", "ΑΣ", "x+1", "...", "\t", "\n", "\n\n", "  ", " ", " ", " ", " ", ",", "!", "\u00a0", "\u3000", "\u0085", "€", "🙂"]

CONTENTS = ["<s>", "</s>", "<pad>", "[PAD]", "<mask>", "[MASK]", "<|im_start|>", "<|endoftext|>", "New York", "fox", "THE", "  ", "12", "qu",
            "<", "<s", "dog,", "_x_"]


def flip(r, p):
    return r.random() < p


def normalizer(r):
    one = lambda: r.choice([normalizers.NFC, normalizers.NFD, normalizers.NFKC, normalizers.NFKD, normalizers.Lowercase])()
    k = r.random()
    if k < .55:
        return None
    if k < .8:
        return one()
    if k < .93:
        return normalizers.Sequence([one() for _ in range(r.randint(0, 3))])
    return r.choice([lambda: normalizers.StripAccents(), lambda: normalizers.Strip(left=flip(r, .5), right=flip(r, .5)),
                     lambda: normalizers.Replace("e", "3"), lambda: normalizers.Prepend("x"), lambda: normalizers.BertNormalizer()])()


def pre_tokenizer(r):
    level = pre_tokenizers.ByteLevel(add_prefix_space=flip(r, .35), trim_offsets=flip(r, .5), use_regex=flip(r, .75))
    if flip(r, .55):
        return level
    steps = []
    for _ in range(r.randint(1, 2)):
        behavior = r.choice(["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"])
        k = r.random()
        if k < .35:
            steps.append(pre_tokenizers.Digits(individual_digits=flip(r, .5)))
        elif k < .7:
            steps.append(pre_tokenizers.Split(r.choice([" ", "o", "12", ", ", "\n"]), behavior, invert=flip(r, .3)))
        elif k < .85:
            steps.append(pre_tokenizers.Split(Regex(GPT2), behavior, invert=flip(r, .3)))
        elif k < .93:
            steps.append(pre_tokenizers.Split(Regex(r"\d{1,3}"), behavior))
        else:
            steps.append(r.choice([pre_tokenizers.Punctuation(), pre_tokenizers.Whitespace(), pre_tokenizers.UnicodeScripts()]))
    return pre_tokenizers.Sequence(steps + [level])


def model_and_trainer(r):
    unk = r.choice([None, None, "<unk>"])
    prefix = "##" if flip(r, .07) else None
    suffix = "</w>" if flip(r, .07) else None
    given = lambda **all: {k: v for k, v in all.items() if v is not None}
    model = models.BPE(fuse_unk=flip(r, .4), byte_fallback=flip(r, .05), ignore_merges=flip(r, .3),
                       **given(unk_token=unk, dropout=.1 if flip(r, .05) else None, continuing_subword_prefix=prefix, end_of_word_suffix=suffix))
    special = r.sample(CONTENTS, r.randint(0, 3)) + ([unk] if unk else [])
    r.shuffle(special)
    alphabet = pre_tokenizers.ByteLevel.alphabet() if flip(r, .6) else []
    trainer = trainers.BpeTrainer(vocab_size=r.randint(300, 400) if alphabet else r.randint(120, 250), special_tokens=special, show_progress=False,
                                  initial_alphabet=sorted(alphabet), **given(continuing_subword_prefix=prefix, end_of_word_suffix=suffix))
    return model, trainer


def post_processor(r, t):
    k = r.random()
    names = [a.content for a in t.get_added_tokens_decoder().values()]
    if k < .4 or not names:
        return None if flip(r, .5) else processors.ByteLevel(trim_offsets=flip(r, .5))
    single = ["$A"]
    if flip(r, .7):
        single.insert(0, r.choice(names))
    if flip(r, .4):
        single.append(r.choice(names))
    if any(" " in s or "$" in s or ":" in s for s in single[:-1] + single[1:]):
        return None
    used = {s for s in single if s != "$A"}
    template = processors.TemplateProcessing(single=" ".join(single), special_tokens=[(s, t.token_to_id(s)) for s in used])
    return template if flip(r, .6) else processors.Sequence([processors.ByteLevel(trim_offsets=flip(r, .5)), template])


def draw(r):
    model, trainer = model_and_trainer(r)
    t = Tokenizer(model)
    n = normalizer(r)
    if n is not None:
        t.normalizer = n
    t.pre_tokenizer = pre_tokenizer(r)
    t.decoder = decoders.ByteLevel() if flip(r, .97) else decoders.Fuse()
    t.train_from_iterator(CORPUS * 3, trainer)
    for content in r.sample(CONTENTS, r.randint(0, 5)):
        special = flip(r, .5)
        a = AddedToken(content, single_word=flip(r, .25), lstrip=flip(r, .25), rstrip=flip(r, .25), normalized=flip(r, .5), special=special)
        if content not in [x.content for x in t.get_added_tokens_decoder().values()]:
            (t.add_special_tokens if special else t.add_tokens)([a])
    post = post_processor(r, t)
    if post is not None:
        t.post_processor = post
    return t


def texts(r, t):
    added = [a.content for a in t.get_added_tokens_decoder().values()] + CONTENTS[:4]
    all = ["", " ", "a", CORPUS[r.randrange(len(CORPUS))]]
    for _ in range(8):
        all.append("".join(r.choice(added if flip(r, .3) else WORDS) + (" " if flip(r, .4) else "") for _ in range(r.randint(1, 9))))
    return all


def drops(t, text):
    """Returns whether a character of text has no token, and there is no unknown token."""
    if t.model.unk_token is not None:
        return False
    vocab = t.get_vocab(with_added_tokens=False)
    n = t.normalizer.normalize_str(text) if t.normalizer else text
    return any(c not in vocab for piece, _ in t.pre_tokenizer.pre_tokenize_str(n) for c in piece)


def main():
    r = random.Random(int(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        while True:
            try:
                t = Tokenizer.from_str(draw(r).to_str())
                all = texts(r, t)
                special = [t.encode(x).ids for x in all]
                t.encode_special_tokens = True
                plain = [t.encode(x, add_special_tokens=False).ids for x in all]
                break
            except BaseException as e:  # the library rejects this combination of options
                print(e, file=sys.stderr)
        line = {"file": json.loads(t.to_str()), "texts": all, "special": special, "plain": plain,
                "decoded": [t.decode(x, skip_special_tokens=False) for x in plain],
                "dropped": [i for i, x in enumerate(all) if drops(t, x)]}
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


main()
