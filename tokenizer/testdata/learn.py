"""Prints the SHA-256 of the merges that Hugging Face's tokenizers trains, as
TestLearnHuggingFace expects them: learn.py SIZE FILE."""

import hashlib
import sys

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

size, path = int(sys.argv[1]), sys.argv[2]
with open(path, encoding="utf-8", newline="") as f:
    text = f.read()
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trainer = trainers.BpeTrainer(
    vocab_size=size,
    special_tokens=["<|endoftext|>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
tokenizer.train_from_iterator([text], trainer)
folder = sys.argv[3] if len(sys.argv) > 3 else "/tmp"
tokenizer.model.save(folder)
with open(folder + "/merges.txt", "rb") as f:
    print(path, size, hashlib.sha256(f.read()).hexdigest())
