"""Processes a prompt and continues it with SmolLM2-135M, in gorgpt, llama.cpp and transformers, alternately. Prints tokens per second of
processor time, for the prompt and for the continuation, and the ratios of gorgpt to the others.

    python benchmarks/smollm2.py DIR --llama-bench PATH --gguf FILE [--gguf FILE …] [--rounds 3] [--prompt 256] [--tokens 32]

DIR is the model as a Hugging Face directory; each FILE is the model for llama.cpp, in F32 (gorgpt convert DIR F32.gguf) or quantized.
PATH is llama.cpp's llama-bench. Needs Go, and a Python with torch and transformers. Each program has one thread. The time per token is
the difference between two runs with different numbers of tokens, each the fastest of several rounds. So loading does not count, and the
machine may have other work.
"""
import argparse
import os
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser()
parser.add_argument("dir")
parser.add_argument("--llama-bench", required=True)
parser.add_argument("--gguf", action="append", default=[])
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--prompt", type=int, default=256)
parser.add_argument("--tokens", type=int, default=32)
args = parser.parse_args()
environment = os.environ | {"GOMAXPROCS": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def gorgpt(binary):
    return lambda prompt, tokens: [binary, "generate", "--from", args.dir, "--greedy", "--tokens", str(tokens), "--prompt", "the" + " the" * (prompt - 1)]


def llama(file):
    return lambda prompt, tokens: [args.llama_bench, "-m", file, "-p", "0", "-n", str(tokens), "-d", str(prompt), "-t", "1", "-r", "1", "-o", "json"]


def transformers(prompt, tokens):
    return [sys.executable, os.path.join(HERE, "pytorch", "generate.py"), "1", str(prompt), str(tokens), args.dir]


with tempfile.TemporaryDirectory() as build:
    binary = os.path.join(build, "gorgpt")
    subprocess.run(["go", "build", "-o", binary, "./cmd/gorgpt"], cwd=os.path.dirname(HERE), check=True)
    programs = {"gorgpt": (gorgpt(binary), 1)} | {"llama.cpp, " + os.path.basename(f): (llama(f), 1) for f in args.gguf} | {"transformers": (transformers, 2)}  # transformers generates twice
    runs = [(8, 4), (8 + args.prompt, 4), (8, 4 + args.tokens)]
    least = {(name, run): float("inf") for name in programs for run in runs}
    for _ in range(args.rounds):
        for run in runs:
            for name, (command, _) in programs.items():
                least[name, run] = min(least[name, run], seconds(command(*run)))
                print(name, *run, f"{least[name, run]:.3f} s", file=sys.stderr, flush=True)
ours = None
for name, (_, passes) in programs.items():
    few, prompt, tokens = (least[name, run] / passes for run in runs)
    rates = args.prompt / (prompt - few), args.tokens / (tokens - few)
    ours = ours or rates
    print(f"{name:45} prompt {rates[0]:7.1f} tokens/s (gorgpt / it {ours[0] / rates[0]:5.2f})   then {rates[1]:6.1f} tokens/s ({ours[1] / rates[1]:5.2f})")
