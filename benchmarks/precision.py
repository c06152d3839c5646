"""Runs the same training step in gorgpt and in PyTorch, each with products in float32 and in bfloat16, alternately, and prints the
medians and their ratios.

    python benchmarks/precision.py [--rounds 5] [--threads 2] [--peers autocast,compile,matmul] [CASE ...]

Needs Go, a Python with torch, and a processor with bfloat16. CASE is MODEL:BATCH:CONTEXT:STEPS. PyTorch runs its fused AdamW. Its
bfloat16 is that of autocast in eager mode. --peers adds autocast under torch.compile, and oneDNN's rounding of the operands of float32
products (matmul); the fastest of these counts.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {
    "autocast": ["--precision", "autocast"],
    "compile": ["--precision", "autocast", "--compile"],
    "matmul": ["--precision", "matmul"],
}

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=0)
parser.add_argument("--peers", default="autocast", help="of " + ",".join(PEERS))
parser.add_argument("cases", nargs="*", default=["gpt2:4:64:6", "gpt2:1:1024:3"])
args = parser.parse_args()
peers = args.peers.split(",")
if unknown := [p for p in peers if p not in PEERS]:
    parser.error(f"--peers {args.peers}: {unknown[0]} is none of {', '.join(PEERS)}")

environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
if args.threads:
    environment["GOMAXPROCS"] = environment["OMP_NUM_THREADS"] = str(args.threads)


def run(*command):
    out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def processor():
    """Returns the processor's name, family and model."""
    names = {}
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            names.setdefault(name.strip(), value.strip())
    return "{model name}, family {cpu family}, model {model}".format(**names)


with tempfile.TemporaryDirectory() as build:
    gorgpt = os.path.join(build, "gorgpt")
    subprocess.run(["go", "build", "-o", gorgpt, "./cmd/gorgpt"], cwd=os.path.dirname(HERE), check=True)
    torch = [sys.executable, os.path.join(HERE, "pytorch", "step.py"), "--fused"]
    kinds = {"gorgpt float32": [gorgpt, "bench", "--json"], "gorgpt bf16": [gorgpt, "bench", "--json", "--precision", "bf16"], "PyTorch float32": torch}
    kinds |= {f"PyTorch {peer}": torch + PEERS[peer] for peer in peers}
    print(f"{processor()}; {os.cpu_count()} threads, load {os.getloadavg()[0]:.1f}; {args.rounds} rounds by turns")
    for case in args.cases:
        model, batch, context, steps = case.split(":")
        results = {kind: [] for kind in kinds}
        for _ in range(args.rounds):
            for kind, command in kinds.items():
                results[kind].append(run(*command, "--model", model, "--batch", batch, "--context", context, "--steps", steps))
        seconds = {kind: statistics.median(r["step_seconds"] for r in runs) for kind, runs in results.items()}
        memory = {kind: statistics.median(r["peak_bytes"] for r in runs) for kind, runs in results.items()}
        ours = seconds["gorgpt bf16"]
        print(f"\n{model} {batch} x {context}\n{'':22}step s    / gorgpt bf16   fastest s   peak MB")
        for kind, runs in results.items():
            fastest = min(r["fastest_seconds"] for r in runs)
            print(f"{kind:20}{seconds[kind]:8.4f}{seconds[kind] / ours:13.2f}{fastest:15.4f}{memory[kind] / 1e6:10.0f}", flush=True)
        best = min(peers, key=lambda peer: seconds[f"PyTorch {peer}"])
        kernel = results["gorgpt bf16"][0]["kernel"]
        print(f"on {kernel}: {seconds['gorgpt float32'] / ours:.2f} times as fast as its float32, {seconds[f'PyTorch {best}'] / ours:.2f} times as fast as PyTorch's {best}")
