"""Makes texts.json: the ids that SmolLM2's tokenizer gives for the texts of ../shared, by transformers 5.24.

usage: texts.py DIR SHARED > texts.json

DIR is a Hugging Face directory of SmolLM2 with the published tokenizer.json, which has Digits before ByteLevel. (The tokenizer
that transformers makes from the GGUF file itself has no Digits, because it does not know tokenizer.ggml.pre = smollm.) SHARED is
../shared/data. For each UTF-8 file below 6 MB, texts.json has the number of ids and their SHA-256 as little-endian uint32,
with special tokens treated as text."""
import glob, hashlib, json, os, struct, sys

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
texts = {}
for name in sorted(glob.glob(sys.argv[2] + "/text/**/*.txt", recursive=True) + glob.glob(sys.argv[2] + "/eval/*") + glob.glob(sys.argv[2] + "/tasks/**/*", recursive=True)):
    if not os.path.isfile(name) or os.path.getsize(name) >= 6e6:
        continue
    try:
        text = open(name, "rb").read().decode()
    except UnicodeDecodeError:
        continue
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    texts[os.path.relpath(name, sys.argv[2])] = [len(ids), hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()]
json.dump(texts, sys.stdout, indent=0)
