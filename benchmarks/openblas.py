"""Times the matrix products of gorgpt and OpenBLAS on the shapes of a training step of GPT-2
124M, alternately, and prints the ratio of their medians (OpenBLAS / gorgpt: above 1, gorgpt
is faster).

    python benchmarks/openblas.py [--rounds 5] [--threads 1,2] [--library PATH]

Needs Go and libopenblas (Debian: libopenblas0-pthread). Of Python, it needs only the standard
library.
"""
import argparse
import array
import ctypes
import ctypes.util
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", default="1,2")
parser.add_argument("--library", default="/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0")
parser.add_argument("--only", default="", help="a part of a case's line")
args = parser.parse_args()

# Let OpenBLAS choose its kernels, and let its threads sleep soon after their work.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ["OPENBLAS_THREAD_TIMEOUT"] = "4"
path = args.library if os.path.exists(args.library) else ctypes.util.find_library("openblas")
if not path:
    sys.exit("openblas.py: no libopenblas; on Debian: apt install libopenblas0-pthread")
blas = ctypes.CDLL(path)
blas.openblas_get_config.restype = blas.openblas_get_corename.restype = ctypes.c_char_p
FLOAT = ctypes.c_float
blas.cblas_sgemm.argtypes = [ctypes.c_int] * 6 + [FLOAT, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int, FLOAT, ctypes.c_void_p, ctypes.c_int]

# Forward pass, gradient of the input, and gradient of the weight of a linear layer in → out.
CASES = []
for rows in (256, 1024):
    for i, o in ((768, 2304), (768, 768), (768, 3072), (3072, 768)):
        CASES += [("NN", rows, o, i), ("NT", rows, i, o), ("TN", i, o, rows)]
# The tied head, 256 rows at a time.
CASES += [("NT", 256, 50257, 768), ("NN", 256, 768, 50257), ("TN", 50257, 768, 256)]


def theirs(case, m, n, k, runs):
    def numbers(count):
        some = array.array("f", (random.gauss(0, 1) for _ in range(1 << 12)))
        return (some * (count // len(some) + 1))[:count]

    a, b, c = numbers(m * k), numbers(k * n), array.array("f", bytes(4 * m * n))
    addresses = [x.buffer_info()[0] for x in (a, b, c)]
    trans = {"N": 111, "T": 112}
    took = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        blas.cblas_sgemm(101, trans[case[0]], trans[case[1]], m, n, k, 1, addresses[0], m if case[0] == "T" else k, addresses[1], k if case[1] == "T" else n, 0, addresses[2], n)
        took.append(time.perf_counter() - start)
    return statistics.median(took[1:])


with tempfile.TemporaryDirectory() as build:
    program = os.path.join(build, "gemm")
    subprocess.run(["go", "build", "-o", program, "./benchmarks/gemm"], cwd=os.path.dirname(HERE), check=True)
    print(blas.openblas_get_config().decode(), "kernels:", blas.openblas_get_corename().decode())
    print("threads  case      m      n      k   gorgpt GFLOP/s   OpenBLAS   ratio")
    for threads in map(int, args.threads.split(",")):
        blas.openblas_set_num_threads(threads)
        process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "GOMAXPROCS": str(threads)})
        ratios = []
        for case, m, n, k in CASES:
            line = f"{threads:7}  {case}  {m:8} {n:6} {k:6}"
            if args.only not in line:
                continue
            flops = 2 * m * n * k
            runs = max(3, min(200, int(6e10 / flops)))
            ours, other = [], []
            for _ in range(args.rounds):
                process.stdin.write(f"{case} {m} {n} {k} {runs}\n")
                process.stdin.flush()
                ours.append(float(process.stdout.readline().split()[1]))
                time.sleep(0.02)
                other.append(theirs(case, m, n, k, runs))
                time.sleep(0.02)
            mine, his = statistics.median(ours), statistics.median(other)
            ratios.append(his / mine)
            print(f"{line} {flops / mine / 1e9:16.1f} {flops / his / 1e9:10.1f} {his / mine:7.2f}", flush=True)
        process.stdin.close()
        print(f"{threads:7}  worst {min(ratios):.2f}, median {statistics.median(ratios):.2f}", flush=True)
