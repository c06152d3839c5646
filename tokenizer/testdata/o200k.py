"""Makes o200k.json: how tiktoken 0.14 tokenizes texts with o200k_harmony.

usage: o200k.py VOCABULARY SHARED > o200k.json
VOCABULARY is o200k_base.tiktoken, from github.com/pkoukk/tiktoken-go-loader v0.0.2;
SHARED is the folder ../shared/data."""
import base64, hashlib, json, pathlib, struct, sys, unicodedata, zlib
import tiktoken, tiktoken_ext.openai_public as public

ranks = {base64.b64decode(a): int(b) for a, b in (l.split() for l in open(sys.argv[1], "rb"))}
assert hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest().startswith("446a9538")
public.load_tiktoken_bpe = lambda *_, **__: ranks
enc = tiktoken.Encoding(**public.o200k_harmony())

ranges = []
for c in range(sys.maxunicode + 1):
    if unicodedata.category(chr(c)) in ("Cn", "Cs", "Co"):
        continue
    if ranges and ranges[-1][1] == c - 1:
        ranges[-1][1] = c
    else:
        ranges.append([c, c])

snippets = [
    " ", "  ", "\n", "\r\n", "\n\n", "\t", "\u00a0", "\u3000", "\u2028", "\v", " \n ", "the", " the", "The", " THE", "iPhone", "McDonald", "aB", "ABc",
    "'s", "'S", "'\u017f", "'re", "'Ve", "'LL", "'d", "'", "’s", "1", "12", "1234", " 7", "½", "Ⅷ", "٣", "!", "!!", "/", "//\n", "...", " ?", "(", "<|end|>",
    "é", "e\u0301", "\u0301", "\u0301\u0301", "ǅ", "ʰ", "漢", "한", "ß", "ﬁ", "_", "-", "$", "€", "😀", "👩‍👧", "\ufe0f", "\u200b", "\ufeff", "\x00", "\x7f",
    "https://example.org/a/b?c=1", "def f(x):\n    return x", "    ", "Жук", "привет", "नमस्ते", "สวัสดี", "مرحبا", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]

def text_of(seed):
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

def packed(ids):
    return b"".join(struct.pack("<I", i) for i in ids)

sums = [f"{zlib.crc32(packed(enc.encode_ordinary(text_of(i)))):08x}" for i in range(2000)]
shared = {}
for name in ["text/tinyshakespeare.txt", *sys.argv[3:]]:
    ids = enc.encode_ordinary(pathlib.Path(sys.argv[2], name).read_bytes().decode())
    shared[name] = {"Tokens": len(ids), "SHA256": hashlib.sha256(packed(ids)).hexdigest()}
written = {t: enc.encode(t, allowed_special="all") for t in [
    "", "Hello, world!", "don't DON'T x'\u017f x'\u212a", "a\n\n b", "!\n\n/x", " \n\t x", "x  ", "ABC中AB", "\u0301AB", "!\u0301AB", "\u0301", "\u0301\u0301A", " ǅa", "12345", "a/b//\r\n/c",
    "<|start|>assistant<|channel|>analysis<|message|>x<|end|><|return|><|call|><|constrain|>", "<|startoftext|><|endoftext|><|endofprompt|><|reserved_200013|><|reserved_201087|>",
    "<|reserved_201088|>", "analysis", "final", "commentary", "assistant",
]}
json.dump({"Ranges": ranges, "Snippets": snippets, "Sums": sums, "Shared": shared, "Written": written}, sys.stdout, separators=(",", ":"))
