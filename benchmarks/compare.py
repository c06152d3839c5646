"""Runs the same training step in gorgpt and in PyTorch, alternately, and prints the ratios of the
medians (PyTorch / gorgpt: above 1, gorgpt is faster or smaller).

    python benchmarks/compare.py [--rounds 3] [--compile] [CASE …]

Needs Go, and a Python with torch. CASE is MODEL:BATCH:CONTEXT:STEPS. MODEL may be block: two decoder
layers of Llama in gpt2's size, forward and backward without an update; this needs transformers.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--compile", action="store_true", help="torch.compile instead of eager")
parser.add_argument("--threads", type=int, default=0)
parser.add_argument("--cpu", action="store_true", help="processor time, of the model block, for busy machines: with --threads 1")
parser.add_argument("cases", nargs="*", default=["gpt2:4:64:5", "gpt2:1:1024:3", "gpt2-nano:12:64:50"])
args = parser.parse_args()
if args.cpu and not all(case.startswith("block:") for case in args.cases):
    parser.error("--cpu is for cases of the model block")

# Some machines set these for old builds of OpenBLAS; they slow a current one down.
environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
if args.threads:
    environment["GOMAXPROCS"] = environment["OMP_NUM_THREADS"] = str(args.threads)


def run(command, **more):
    out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True, **more).stdout
    return json.loads(out.strip().splitlines()[-1])


def block(batch, context, steps):
    """Times the two layers with their Go benchmark, which alternates them with GPT-2's."""
    out = subprocess.run(
        [blocks, "-test.run", "^$", "-test.bench", f"Blocks/^{batch}x{context}$", "-test.benchtime", f"{steps}x"],
        env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: float(re.search(rf"([0-9.]+) {metric}", out)[1]) / 1e3 for name, metric in
            (("step_seconds", r"ms-llama"), ("cpu_seconds", r"cpu-ms-llama"))}


with tempfile.TemporaryDirectory() as build:
    gorgpt = os.path.join(build, "gorgpt")
    blocks = os.path.join(build, "blocks")
    subprocess.run(["go", "build", "-o", gorgpt, "./cmd/gorgpt"], cwd=os.path.dirname(HERE), check=True)
    subprocess.run(["go", "test", "-c", "-o", blocks, "./layers"], cwd=os.path.dirname(HERE), check=True)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; PyTorch {'torch.compile' if args.compile else 'eager'}")
    print("case                 gorgpt s   PyTorch s   ratio   gorgpt MB   PyTorch MB   memory")
    for case in args.cases:
        model, batch, context, steps = case.split(":")
        same = ["--batch", batch, "--context", context, "--steps", steps]
        script = "block.py"
        if model != "block":
            same, script = ["--model", model, *same], "step.py"
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(block(batch, context, steps) if model == "block" else run([gorgpt, "bench", "--json", *same]))
            theirs.append(run([sys.executable, os.path.join(HERE, "pytorch", script), *same] + ["--compile"] * args.compile))

        def median(key, runs):
            return statistics.median(r[key] for r in runs)

        clock = "cpu_seconds" if args.cpu else "step_seconds"
        s, t = median(clock, ours), median(clock, theirs)
        memory = ""
        if model != "block":  # its process holds GPT-2's layers too
            m, n = median("peak_bytes", ours) / 1e6, median("peak_bytes", theirs) / 1e6
            memory = f" {m:11.0f} {n:12.0f} {m / n:8.2f}"
        print(f"{case:20} {s:9.4f} {t:11.4f} {t / s:7.2f}{memory}", flush=True)
