"""Measures the speed and the quality of weights stored in few bits.

    python benchmarks/weights.py speed [--llama-bench PATH] [--smollm2 FILE.gguf] [--widths f32,bf16,int8,q4_0] [--sequences 1,8] [--threads 1] [--clock] [--rounds 3] [--tokens 48]
    python benchmarks/weights.py quality --from DIR|FILE.gguf [--wikitext FILE --tokens 4096] [--lambada FILE] [--piqa FILE] [--limit 200]

speed decodes with gpt2 (124M, random weights) and, if given, SmolLM2, in each width, with gorgpt and, with --llama-bench, llama.cpp on a GGUF
file of the same width. The programs run alternately, and the best of several rounds counts. Rates are tokens per second over all sequences: by
processor time, for one thread on a machine that others use, or with --clock by wall-clock time, for a quiet machine. With --clock, gorgpt's share
of memory bandwidth is relative to the rate at which the best loop that `gorgpt bench` knows reads this machine's memory. Wall-clock rates are
those that the programs report; processor-time rates come from the difference between a longer run and a shorter one. Needs Go; for llama.cpp, its
llama-bench (for one sequence) and llama-batched-bench in the same folder (for several).

quality prints, for each width, the perplexity of the first tokens of a text, in windows of 512, and the share of right answers for the first
--limit passages and questions. All files are made in a temporary folder, which is removed.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTHS = "f32,bf16,int8,q4,q4_0,q4_1,mxfp4"


def build(folder):
    binary = os.path.join(folder, "gorgpt")
    subprocess.run(["go", "build", "-o", binary, "./cmd/gorgpt"], cwd=ROOT, check=True)
    return binary


def output(command, environment=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def quality(args, folder):
    binary = build(folder)
    measures = []
    if args.wikitext:
        measures.append(("perplexity", ["--data", args.wikitext, "--limit", str(args.tokens), "--context", "512"]))
    for name in "lambada", "piqa":
        if getattr(args, name):
            measures.append((name, ["--data", getattr(args, name), "--limit", str(args.limit)]))
    print("| weights | " + " | ".join(name for name, _ in measures) + " |\n|---|" + "---|" * len(measures))
    for width in args.widths.split(","):
        row = []
        for name, options in measures:
            result = json.loads(output([binary, "eval", "--from", getattr(args, "from"), "--weights", width, "--on", name, *options, "--json"]))
            row.append(f"{result['value']:.4g}")
        print(f"| {width} | " + " | ".join(row) + " |", flush=True)


def processor_time(command, environment):
    """Returns the processor time of a command, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output(command, environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def own_rate(program, sequences, command, environment):
    """Returns the tokens per second that the program reports."""
    said = output(command, environment)
    if program == "gorgpt":
        return json.loads(said)["tokens_per_s"]
    if sequences == 1:
        return json.loads(said)[0]["avg_ts"]
    return json.loads([line for line in said.splitlines() if line.startswith("{")][-1])["speed_tg"]


def speed(args, folder):
    binary = build(folder)
    few = 8
    environment = os.environ | {"GOMAXPROCS": str(args.threads), "OMP_NUM_THREADS": str(args.threads)}
    batched = os.path.join(os.path.dirname(args.llama_bench or ""), "llama-batched-bench")

    def made(width):
        """Returns a file for llama.cpp with gpt2 in a width, with random weights."""
        source = os.path.join(folder, "gpt2")
        if not os.path.exists(source):
            subprocess.run(["go", "run", "./benchmarks/random", "gpt2", source], cwd=ROOT, check=True)
        file = os.path.join(folder, f"gpt2.{width}.gguf")
        if not os.path.exists(file):
            output([binary, "convert", source, file, "--weights", width])
        return file

    def stored(width):
        if width == "stored":
            return args.smollm2
        file = os.path.join(folder, f"smollm2.{width}.gguf")
        if not os.path.exists(file):
            output([binary, "convert", args.smollm2, file, "--weights", width])
        return file

    def llama(file, sequences):
        if sequences == 1:
            return lambda tokens: [args.llama_bench, "-m", file, "-p", "0", "-n", str(tokens), "-t", str(args.threads), "-r", "1", "-o", "json"]
        return lambda tokens: [batched, "-m", file, "-c", "4096", "-npp", "4", "-ntg", str(tokens), "-npl", str(sequences), "-t", str(args.threads), "--output-format", "jsonl"]

    for model in ["gpt2"] + (["smollm2"] if args.smollm2 else []):
        file = made if model == "gpt2" else stored
        widths = args.widths.split(",") + (["stored"] if model == "smollm2" else [])
        for sequences in [int(n) for n in args.sequences.split(",")]:
            beside = args.llama_bench and (sequences == 1 or os.path.exists(batched))
            if args.llama_bench and not beside:
                print(f"no {batched}: {sequences} sequences without llama.cpp", file=sys.stderr)
            programs = {}
            for width in widths:
                name = ["--model", "gpt2"] if model == "gpt2" else ["--model", args.smollm2]
                programs["gorgpt", width] = lambda tokens, width=width, name=name: [binary, "bench", "--decode", *name, "--batch", str(sequences), "--steps", str(tokens), "--weights", width, "--json"]
                if beside:
                    programs["llama.cpp", width] = llama(file(width), sequences)
            rates, least = {}, {}
            for _ in range(args.rounds):
                for key, command in programs.items():
                    if args.clock:
                        rates[key] = max(rates.get(key, 0), own_rate(key[0], sequences, command(args.tokens), environment))
                        continue
                    for tokens in few, few + args.tokens:
                        least[key, tokens] = min(least.get((key, tokens), float("inf")), processor_time(command(tokens), environment))
            for key in programs if not args.clock else ():
                # gorgpt bench generates all tokens twice.
                passes = 2 if key[0] == "gorgpt" else 1
                rates[key] = passes * sequences * args.tokens / (least[key, few + args.tokens] - least[key, few])
            report(model, sequences, widths, programs, rates, few, args, environment)


def report(model, sequences, widths, programs, rates, few, args, environment):
    print(f"\n{model}, {sequences} sequence{'s' if sequences > 1 else ''}, {args.threads} thread{'s' if args.threads > 1 else ''}, " +
          ("by the clock" if args.clock else "by processor time") + ", tokens/s:")
    print("| weights | gorgpt | / its f32 | llama.cpp | gorgpt / it | MB read a token | GB/s | of memory's |\n|---|---|---|---|---|---|---|---|")
    for width in widths:
        mine, theirs = rates["gorgpt", width], rates.get(("llama.cpp", width))
        known = json.loads(output(programs["gorgpt", width](few), environment))
        read = known["bytes_per_token"]
        rate = read * mine / sequences / 1e9
        share = f"{rate / known['limit_gbps']:.2f}" if args.clock else ""  # memory bandwidth is measured by wall-clock time
        print(f"| {width} | {mine:.1f} | {mine / rates['gorgpt', 'f32']:.2f} | " if ("gorgpt", "f32") in rates else f"| {width} | {mine:.1f} | | ", end="")
        print((f"{theirs:.1f} | {mine / theirs:.2f}" if theirs else " | ") + f" | {read / 1e6:.1f} | {rate:.1f} | {share} |", flush=True)


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
fast = commands.add_parser("speed")
fast.add_argument("--llama-bench")
fast.add_argument("--smollm2")
fast.add_argument("--widths", default="f32,bf16,int8,q4_0")
fast.add_argument("--sequences", default="1,8")
fast.add_argument("--threads", type=int, default=1)
fast.add_argument("--clock", action="store_true")
fast.add_argument("--rounds", type=int, default=3)
fast.add_argument("--tokens", type=int, default=48)
good = commands.add_parser("quality")
good.add_argument("--from", required=True)
good.add_argument("--wikitext")
good.add_argument("--tokens", type=int, default=4096)
good.add_argument("--lambada")
good.add_argument("--piqa")
good.add_argument("--limit", type=int, default=200)
good.add_argument("--widths", default=WIDTHS)
args = parser.parse_args()
with tempfile.TemporaryDirectory() as folder:
    {"speed": speed, "quality": quality}[args.command](args, folder)
