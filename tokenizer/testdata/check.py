"""Opens tokenizers that gorgpt saved with Hugging Face's transformers.

    python check.py < request.json > answer.json

The request is a list of {"dir", "texts", "copy"}; the answer gives for each
{"class", "size", "end", "ids", "decoded"}, and the script saves the tokenizer
again into the folder "copy". Texts are lists of code points, so that no
escaping is involved. Run by TestTransformers; made for transformers 4.40 and later.
"""
import json
import sys

from transformers import AutoTokenizer, PreTrainedTokenizerFast

answers = []
for request in json.load(sys.stdin):
    auto = AutoTokenizer.from_pretrained(request["dir"])
    fast = PreTrainedTokenizerFast.from_pretrained(request["dir"])
    texts = ["".join(map(chr, text)) for text in request["texts"]]
    ids = [auto(text)["input_ids"] for text in texts]
    if ids != [fast(text)["input_ids"] for text in texts]:
        sys.exit("AutoTokenizer and PreTrainedTokenizerFast differ")
    auto.save_pretrained(request["copy"])
    answers.append({
        "class": type(auto).__name__,
        "size": len(auto),
        "end": auto.eos_token_id,
        "ids": ids,
        "decoded": [[ord(c) for c in auto.decode(i)] for i in ids],
    })
json.dump(answers, sys.stdout)
