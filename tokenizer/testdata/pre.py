"""Makes pre.json: how Hugging Face's tokenizers 0.23.3 cuts the random texts of o200k.json by published patterns.

usage: pre.py o200k.json > pre.json      # with transformers 5.24

For each of llama.cpp's names there are checksums, each of them the CRC-32 of the lengths in bytes of the pieces of 50 texts.
The patterns are those of transformers' gguf_tokenizer_mapping, of the models' tokenizer.json files (deepseek-v3,
deepseek-coder, bloom, smollm), or of llama.cpp's llama-vocab.cpp (default, falcon, viking)."""
import json, struct, sys, zlib
from tokenizers import Regex, pre_tokenizers as pre
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS as SPLITS

golden = json.load(open(sys.argv[1]))
ranges, snippets = golden["Ranges"], golden["Snippets"]


def text_of(seed):  # as in o200k.py
    state = seed
    def draw(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % n
    out = []
    draw(1)
    for _ in range(1 + draw(40)):
        if draw(5) < 2:
            lo, hi = ranges[draw(len(ranges))]
            out.append(chr(lo + draw(hi - lo + 1)))
        else:
            out.append(snippets[draw(len(snippets))])
    return "".join(out)


def isolated(*patterns, regex=False):
    splits = [pre.Split(Regex(p), "isolated") for p in patterns]
    return pre.Sequence(splits + [pre.ByteLevel(add_prefix_space=False, use_regex=regex)])


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
every = {
    "gpt-2": pre.ByteLevel(add_prefix_space=False),
    "smollm": pre.Sequence([pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False)]),
    "deepseek-v3": isolated(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
    "deepseek-coder": pre.Sequence([pre.Split(Regex(p), "isolated") for p in [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+"]]
                                   + [pre.Digits(individual_digits=True), pre.ByteLevel(add_prefix_space=False, use_regex=False)]),
    "bloom": isolated(BLOOM),
    "viking": isolated(BLOOM, r"\p{N}"),
    "falcon": isolated(r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"),
    "default": isolated(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"),
}
for name in ["llama-bpe", "dbrx", "tekken", "qwen2", "qwen35", "gpt-4o"]:
    every[name] = isolated(SPLITS[name])
sums = {}
for name, p in sorted(every.items()):
    sums[name] = []
    for first in range(0, 2000, 50):
        crc = 0
        for seed in range(first, first + 50):
            sizes = [len(piece) for piece, _ in p.pre_tokenize_str(text_of(seed))]
            crc = zlib.crc32(struct.pack(f"<{len(sizes)}I", *sizes), crc)
        sums[name].append(f"{crc:08x}")
json.dump(sums, sys.stdout, separators=(",", ":"))
print()
