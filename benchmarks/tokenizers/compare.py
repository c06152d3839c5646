"""Compares gorgpt's tokenizers with tiktoken and Hugging Face's tokenizers, alternately in one run.

    python benchmarks/tokenizers/compare.py TEXT [--gpt1 DIR] [--rounds N]

TEXT is a UTF-8 file, and DIR is the folder with GPT-1's two files. Needs Go, and a Python
with tiktoken, tokenizers and numpy. Every measurement is a separate process: it loads the
vocabulary and reads the text, and then times the encoding of the text in documents of about
64 KB, with cold caches. All ids are compared by a digest. A ratio is the other's time over
gorgpt's. With one thread it is of processor time, which other work on the machine disturbs
less; with two threads it is of wall-clock time.
"""

import argparse
import base64
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


def documents(text, size=65536):
    """Cuts text before a space that follows a letter, where no tokenizer has a token."""
    start = 0
    while start < len(text):
        end = start + size
        while end < len(text) and not (text[end] == " " and text[end - 1].isalpha()):
            end += 1
        yield text[start:end]
        start = end


def peer(name, kind, path, threads, vocabulary):
    """Measures a peer in this process and prints a JSON object like that of our program."""
    import numpy

    with open(path, encoding="utf-8", newline="") as f:
        text = f.read()
    docs = list(documents(text))
    if name == "tiktoken":
        import tiktoken

        with open(vocabulary, "rb") as f:
            ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in f)}
        t = tiktoken.Encoding("r50k_base", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256})
        if threads == 1:
            run = lambda: [t.encode_ordinary(d) for d in docs]
        else:
            run = lambda: t.encode_ordinary_batch(docs, num_threads=threads)
        ids_of = lambda a: a
    elif kind.startswith("bpe:"):
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        t = Tokenizer(models.BPE())
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(vocab_size=int(kind[4:]), special_tokens=["<|endoftext|>"],
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
        run = lambda: t.train_from_iterator([text], trainer)
        ids_of = None
    else:
        from tokenizers import Tokenizer

        t = Tokenizer.from_file(vocabulary)
        run = lambda: t.encode_batch_fast(docs, add_special_tokens=False)
        ids_of = lambda a: a.ids
    before, start = time.process_time(), time.perf_counter()
    answer = run()
    seconds, processor = time.perf_counter() - start, time.process_time() - before
    result = {"seconds": seconds, "processor": processor}
    if ids_of is None:
        result |= {"tokens": t.get_vocab_size(), "digest": ""}
    else:
        ids = numpy.concatenate([numpy.array(ids_of(a), dtype="<u4") for a in answer])
        result |= {"tokens": len(ids), "digest": hashlib.sha256(ids.tobytes()).hexdigest()}
    print(json.dumps(result))


def run(command, threads):
    env = os.environ | {"RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false"}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text")
    parser.add_argument("--gpt1", help="folder with GPT-1's vocabulary")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        name, kind, threads, vocabulary = args.peer
        return peer(name, kind, args.text, int(threads), vocabulary)

    size = os.path.getsize(args.text)
    with tempfile.TemporaryDirectory() as folder:
        ours = folder + "/tokenizers"
        subprocess.run(["go", "build", "-o", ours, "./benchmarks/tokenizers"], check=True)
        module = subprocess.run(["go", "list", "-m", "-f", "{{.Dir}}", "github.com/pkoukk/tiktoken-go-loader"],
                                check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        with open(folder + "/a.txt", "w") as f:
            f.write("a")

        def saved(kind):
            """Returns the tokenizer.json that gorgpt writes."""
            out = folder + "/" + kind[:4]
            subprocess.run(["go", "run", "./cmd/gorgpt", "pack", "--tokenizer", kind, "--validation", "0", "--out", out,
                            folder + "/a.txt"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return out + "/tokenizer/tokenizer.json"

        work = [("gpt2", [("tiktoken", module + "/assets/r50k_base.tiktoken"), ("tokenizers", saved("gpt2"))])]
        if args.gpt1:
            work.append(("gpt1:" + args.gpt1, [("tokenizers", saved("gpt1:" + args.gpt1))]))
        work.append(("bpe:8192", [("tokenizers", "")]))
        print("| | threads | gorgpt | " + " | ".join(["tiktoken", "ratio", "tokenizers", "ratio"]) + " | ids |")
        print("|---|---|---|---|---|---|---|---|")
        for kind, peers in work:
            for threads in (1, 2):
                times, digests = {}, {}
                for _ in range(args.rounds):
                    for name, vocabulary in [("gorgpt", "")] + peers:
                        if name == "gorgpt":
                            command = [ours, kind, args.text, str(threads)]
                        else:
                            command = [sys.executable, __file__, args.text, "--peer", name, kind, str(threads), vocabulary]
                        m = run(command, threads)
                        times.setdefault(name, []).append(m["processor" if threads == 1 else "seconds"])
                        digests[name] = (m["tokens"], m["digest"])
                median = {name: statistics.median(t) for name, t in times.items()}

                def show(name):
                    if name not in median:
                        return "| | "
                    ratio = f"| {median[name] / median['gorgpt']:.1f} " if name != "gorgpt" else ""
                    return f"| {size / median[name] / 1e6:.1f} MB/s {ratio}"

                same = "" if kind.startswith("bpe:") else "equal" if len(set(digests.values())) == 1 else "differ"
                row = show("gorgpt") + show("tiktoken") + show("tokenizers")
                print(f"| {kind.split(':')[0] if kind[:4] == 'gpt1' else kind} | {threads} {row}| {same} |", flush=True)


if __name__ == "__main__":
    main()
