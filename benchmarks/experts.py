"""Times one experts layer, forward and backward, in gorgpt and in transformers, alternately. The layer in transformers is
MixtralSparseMoeBlock with each of its experts implementations except batched_mm, which copies an expert for each token. Prints, for the
fastest runs, the ratios to gorgpt (above 1, gorgpt is faster), and gorgpt's share of the rate of matrix products over the same rows.
With --threads 1, it measures processor time, for machines that have other work.

    python benchmarks/experts.py [--rounds 5] [--runs 5] [--threads 2] [CASE …]

Needs Go, and a Python with torch and transformers. CASE is BATCH:CONTEXT:WIDTH:INNER:EXPERTS:PICKS.
"""
import argparse
import os
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("cases", nargs="*", default=["4:64:768:3072:8:2", "1:1024:768:3072:8:2"])
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--threads", type=int, default=os.cpu_count())
args = parser.parse_args()

import torch  # noqa: E402: after --help
import transformers  # noqa: E402
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS  # noqa: E402
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock  # noqa: E402

torch.set_num_threads(args.threads)
torch.manual_seed(1)


def block(width, inner, experts, picks, how):
    config = transformers.MixtralConfig(hidden_size=width, intermediate_size=inner, num_local_experts=experts,
                                        num_experts_per_tok=picks, experts_implementation=how)
    layer = MixtralSparseMoeBlock(config).train()
    with torch.no_grad():
        for p in layer.parameters():
            p.normal_(0, 0.02)
    return layer


def theirs(layer, x, runs):
    fastest, clock = float("inf"), time.process_time if args.threads == 1 else time.perf_counter
    for _ in range(runs + 1):
        layer.zero_grad(set_to_none=False)
        start = clock()
        layer(x).sum().backward()
        fastest = min(fastest, clock() - start)
    return fastest


with tempfile.TemporaryDirectory() as folder:
    program = os.path.join(folder, "experts")
    subprocess.run(["go", "build", "-o", program, "./benchmarks/experts"], cwd=os.path.dirname(HERE), check=True)
    ours = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env=os.environ | {"GOMAXPROCS": str(args.threads)})
    hows = ["eager", *(h for h in ALL_EXPERTS_FUNCTIONS if h == "grouped_mm")]
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {args.threads} threads, fastest of {args.rounds} × {args.runs} runs")
    for case in args.cases:
        batch, context, width, inner, experts, picks = map(int, case.split(":"))
        layers = {how: block(width, inner, experts, picks, how) for how in hows}
        x = torch.randn(batch, context, width, requires_grad=True)
        best = {"layer": float("inf"), "products": float("inf")} | {how: float("inf") for how in hows}
        for _ in range(args.rounds):
            ours.stdin.write(f"{batch * context} {width} {inner} {experts} {picks} {args.runs}\n")
            ours.stdin.flush()
            fastest = list(map(float, ours.stdout.readline().split()))
            best["layer"], best["products"] = min(best["layer"], fastest[0]), min(best["products"], fastest[1])
            for how, layer in list(layers.items()):
                took = theirs(layer, x, args.runs)
                best[how] = min(best[how], took)
                if took > 20 * best["layer"]:
                    del layers[how]  # too slow to be the fastest
        ratios = ", ".join(f"{how} {best[how] / best['layer']:.2f}" for how in hows)
        print(f"{case}: share of the products' rate {best['products'] / best['layer']:.2f}; transformers / gorgpt: {ratios}", flush=True)
