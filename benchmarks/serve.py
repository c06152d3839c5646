"""Has several clients stream texts at once from gorgpt serve and from llama.cpp's server, alternately. Prints tokens per second, by
wall-clock time and by the server's processor time, the median and the 99th percentile of the time to the first token, and the ratios of
gorgpt to the others.

    python benchmarks/serve.py --llama-server PATH [--dir DIR] [--streams 8 16] [--rounds 3] [--prompt 64] [--tokens 64] [--threads 2]
    python benchmarks/serve.py --transformers [...]     # beside, or in place of, llama.cpp: needs pip install "transformers[serving]"

DIR is a Hugging Face directory of a GPT-2 or a Llama; without it, gpt2 (124M) with its initial weights is used. llama.cpp gets the model in
float32, in which gorgpt computes. Each client makes two requests in a round, with different prompts of random tokens, so that no server can
reuse a cached prompt. Finally, gorgpt generate --bench measures the engine without HTTP, for the same numbers of sequences.
"""
import argparse
import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser()
parser.add_argument("--dir")
parser.add_argument("--llama-server")
parser.add_argument("--transformers", action="store_true")
parser.add_argument("--streams", type=int, nargs="+", default=[8, 16])
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--prompt", type=int, default=64)
parser.add_argument("--tokens", type=int, default=64)
parser.add_argument("--threads", type=int, default=os.cpu_count())
args = parser.parse_args()
environment = os.environ | {"GOMAXPROCS": str(args.threads), "OMP_NUM_THREADS": str(args.threads), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
rng = random.Random(1)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A server process, and the path and body of its requests."""

    def __init__(self, name, command, path, body):
        self.name, self.path, self.body, self.port = name, path, body, free_port()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command(self.port), stdout=self.log, stderr=self.log, env=environment)
        for _ in range(600):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.5)
        self.log.seek(0)
        sys.exit(f"{name} does not start:\n{self.log.read().decode()[-3000:]}")

    def seconds(self):
        """Returns the processor time that the server has used."""
        fields = open(f"/proc/{self.process.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stream(self, prompt, first):
        """Makes one request and appends the time to the first token to first."""
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("POST", self.path, json.dumps(self.body(prompt)), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"{self.name}: {answer.status} {answer.read()[:500]}")
        seen = False
        while line := answer.readline():
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            if b'"error"' in line:
                sys.exit(f"{self.name}: {line[:500]}")
            now = time.perf_counter()
            for choice in json.loads(line[6:])["choices"] if not seen else []:
                if choice.get("text") or choice.get("delta", {}).get("content"):  # the first event of a conversation only names the role
                    first.append(now - began)
                    seen = True

    def round(self, streams):
        """Returns tokens per second, by wall-clock and by processor time, and the times to the first token."""
        prompts = [[[rng.randrange(vocab // 4, vocab // 2) for _ in range(args.prompt)] for _ in range(2)] for _ in range(streams)]
        first, before, began = [], self.seconds(), time.perf_counter()
        threads = [threading.Thread(target=lambda mine=mine: [self.stream(p, first) for p in mine]) for mine in prompts]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        tokens = 2 * streams * args.tokens
        return tokens / (time.perf_counter() - began), tokens / max(0.01, self.seconds() - before), first

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def completion(prompt):
    return {"prompt": prompt, "max_tokens": args.tokens, "temperature": 0, "ignore_eos": True, "stream": True, "cache_prompt": False}


def ours(prompt):
    body = completion(prompt)
    del body["cache_prompt"]
    return body


def words(prompt):
    """Makes a request for transformers serve, which accepts messages: as many one-token words as the prompt has tokens."""
    return {"model": talking, "messages": [{"role": "user", "content": " the" * len(prompt)}], "max_tokens": args.tokens, "temperature": 0, "stream": True,
            "generation_config": json.dumps({"max_new_tokens": args.tokens, "min_new_tokens": args.tokens, "do_sample": False})}


def main(build):
    global directory, talking, vocab
    binary = os.path.join(build, "gorgpt")
    subprocess.run(["go", "build", "-o", binary, "./cmd/gorgpt"], cwd=os.path.dirname(HERE), check=True)
    directory = args.dir
    if not directory:
        directory = os.path.join(build, "gpt2")
        subprocess.run(["go", "run", "./benchmarks/random", "gpt2", directory], cwd=os.path.dirname(HERE), check=True)
    with open(os.path.join(directory, "config.json")) as f:
        vocab = json.load(f)["vocab_size"]
    most, context = max(args.streams), args.prompt + args.tokens + 16
    servers = [Server("gorgpt", lambda port: [binary, "serve", "--from", directory, "--listen", f"127.0.0.1:{port}", "--slots", str(most), "--context", str(context)], "/v1/completions", ours)]
    if args.llama_server:
        gguf = os.path.join(build, "f32.gguf")
        subprocess.run([binary, "convert", directory, gguf], check=True, stdout=sys.stderr)
        servers.append(Server("llama.cpp", lambda port: [args.llama_server, "-m", gguf, "--port", str(port), "-np", str(most), "-c", str(context * most), "-t", str(args.threads), "-tb", str(args.threads),
                                                         "--cache-type-k", "f32", "--cache-type-v", "f32", "--no-webui"], "/v1/completions", completion))
    if args.transformers:
        talking = os.path.join(build, "talking")  # transformers serve accepts only conversations: use the same files with a template that adds nothing
        os.mkdir(talking)
        for name in os.listdir(directory):
            if name != "chat_template.jinja":
                os.symlink(os.path.abspath(os.path.join(directory, name)), os.path.join(talking, name))
        with open(os.path.join(talking, "chat_template.jinja"), "w") as f:
            f.write("{% for message in messages %}{{ message['content'] }}{% endfor %}")
        servers.append(Server("transformers", lambda port: [os.path.join(os.path.dirname(sys.executable), "transformers"), "serve", talking, "--port", str(port), "--device", "cpu", "--dtype", "float32",
                                                            "--continuous-batching"], "/v1/chat/completions", words))
    try:
        for streams in args.streams:
            for server in servers:
                server.round(streams)  # a warm-up
            rounds = {server.name: [] for server in servers}
            for _ in range(args.rounds):
                for server in servers:
                    rounds[server.name].append(server.round(streams))
                    print(streams, server.name, f"{rounds[server.name][-1][0]:.1f} tokens/s", file=sys.stderr, flush=True)
            best = {}
            for name, all in rounds.items():
                first = sorted(x for r in all for x in r[2])
                best[name] = max(r[0] for r in all), max(r[1] for r in all), statistics.median(first), first[int(0.99 * (len(first) - 1))]
                clock, processor, median, late = best[name]
                mine = best["gorgpt"]
                print(f"{streams:3} streams  {name:13} {clock:7.1f} tokens/s ({mine[0] / clock:5.2f})   a processor's second {processor:7.1f} ({mine[1] / processor:5.2f})   "
                      f"first token {median:6.3f} s, p99 {late:6.3f} s ({median / mine[2]:5.2f}, {late / mine[3]:5.2f})", flush=True)
    finally:
        for server in servers:
            server.stop()
    for streams in args.streams:
        out = subprocess.run([binary, "generate", "--from", directory, "--prompt", " the" * args.prompt, "--samples", str(streams), "--tokens", str(args.tokens), "--bench"],
                             check=True, capture_output=True, text=True, env=environment).stdout
        print(f"{streams:3} sequences of generate --bench, after their prompts: {re.search(r'([0-9.e+]+) tokens/s', out)[1]} tokens/s", flush=True)


with tempfile.TemporaryDirectory() as build:
    main(build)
