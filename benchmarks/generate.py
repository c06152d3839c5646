"""Generates with GPT-2 124M with random weights in gorgpt and in transformers with its key/value cache,
alternately, and prints tokens per second and their ratio (gorgpt / transformers).

    python benchmarks/generate.py [--rounds 3] [--tokens 64] [--prompt 16] [BATCH …]

Needs Go, and a Python with torch and transformers.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--tokens", type=int, default=64)
parser.add_argument("--prompt", type=int, default=16)
parser.add_argument("batches", nargs="*", type=int, default=[1, 8])
args = parser.parse_args()


def run(command):
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


with tempfile.TemporaryDirectory() as build:
    gorgpt = os.path.join(build, "gorgpt")
    subprocess.run(["go", "build", "-o", gorgpt, "./cmd/gorgpt"], cwd=os.path.dirname(HERE), check=True)
    print("batch   gorgpt tokens/s   transformers   ratio   read GB/s   of memory's   prompt s   transformers   ratio")
    for batch in args.batches:
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(run([gorgpt, "bench", "--model", "gpt2", "--decode", "--json", "--batch", str(batch), "--context", str(args.prompt), "--steps", str(args.tokens)]))
            theirs.append(run([sys.executable, os.path.join(HERE, "pytorch", "generate.py"), str(batch), str(args.prompt), str(args.tokens)]))

        def median(key, runs):
            return statistics.median(r[key] for r in runs)

        o, t = median("tokens_per_s", ours), median("tokens_per_s", theirs)
        p, q = median("prefill_seconds", ours), median("prefill_seconds", theirs)
        print(f"{batch:5} {o:17.1f} {t:14.1f} {o / t:7.2f} {median('read_gbps', ours):11.1f} {median('share', ours):13.2f} {p:10.4f} {q:14.4f} {q / p:7.2f}", flush=True)
