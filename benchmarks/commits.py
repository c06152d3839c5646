"""Measures the same cases with two commits, alternately, and prints the ratios of the medians
(before / after: above 1, the later commit is faster, or allocates less).

    python benchmarks/commits.py BEFORE [AFTER] [--rounds 5] [--case "MODEL BATCH CONTEXT STEPS [decode]" …]

BEFORE and AFTER are names of commits as git understands them, or built programs; AFTER is the
working tree by default. Needs Go and git. The machine should have nothing else to do.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CASES = ["gpt2 4 64 5", "gpt2 1 1024 3", "gpt2-nano 12 64 60", "gpt2-nano 1 16 40 decode", "gpt2-nano 8 16 40 decode",
         "gpt2 1 16 20 decode", "gpt2 8 16 20 decode"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("before")
parser.add_argument("after", nargs="?", default="")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--case", action="append", dest="cases")
args = parser.parse_args()


def program(name, folder):
    """Returns the program of a commit or of the working tree, or the given program."""
    if os.path.isfile(name) and os.access(name, os.X_OK):
        return os.path.abspath(name)
    out, source = os.path.join(folder, "gorgpt-" + (name.replace("/", "-") or "tree")), TOP
    if name:
        source = os.path.join(folder, "source-" + name.replace("/", "-"))
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", source, name], cwd=TOP, check=True)
    try:
        subprocess.run(["go", "build", "-o", out, "./cmd/gorgpt"], cwd=source, check=True)
    finally:
        if name:
            subprocess.run(["git", "worktree", "remove", "--force", source], cwd=TOP, check=True)
    return out


def measure(program, case):
    model, batch, context, steps, *more = case.split()
    command = [program, "bench", "--json", "--model", model, "--batch", batch, "--context", context, "--steps", steps]
    out = subprocess.run(command + ["--decode"] * ("decode" in more), check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


with tempfile.TemporaryDirectory() as folder:
    programs = [program(args.before, folder), program(args.after, folder)]
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {args.rounds} rounds")
    print(f"{'case':28}{'before s':>10}{'after s':>10}{'ratio':>8}{'before B':>12}{'after B':>12}{'before MB':>11}{'after MB':>10}")
    for case in args.cases or CASES:
        runs = ([], [])
        for i in range(args.rounds):
            for which in (0, 1) if i % 2 == 0 else (1, 0):
                runs[which].append(measure(programs[which], case))

        def median(key):
            return [statistics.median(r[key] for r in side) for side in runs]

        (a, b), (x, y), (m, n) = median("step_seconds"), median("allocated_bytes_per_step"), median("peak_bytes")
        print(f"{case:28}{a:10.6f}{b:10.6f}{a / b:8.3f}{x:12.0f}{y:12.0f}{m / 1e6:11.0f}{n / 1e6:10.0f}", flush=True)
