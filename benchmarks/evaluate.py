"""Evaluates one model on published data with EleutherAI's lm-evaluation-harness and with
gorgpt eval, and prints a table of both and the largest difference of a log-likelihood.

    python benchmarks/evaluate.py --model DIR --data DIR [--limit 300] [--few 30] [--only PIQA …]

Needs Go, and a Python with torch, transformers, lm_eval (0.4.13 was used) and rouge_score. --data is a folder with
the files that each task below names; tasks without their files are left out. The tasks are those that the harness
ships, with other data, except for CommonsenseQA with the texts of the choices (the harness has the model choose a
letter, which is measured too), a translation as "… =", and DialogSum, which the harness does not have. Few-shot
examples are the last rows of the measured file; these rows are not measured. With --cache, the model's answers to
the harness are kept, and a run with a larger limit continues from them. Both programs run on one thread.
"""
import argparse
import csv
import json
import os
import subprocess
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval.tasks
import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml
from rouge_score.rouge_scorer import RougeScorer

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True, help="a Hugging Face directory")
parser.add_argument("--ours", help="the same model for gorgpt eval --from, if not --model")
parser.add_argument("--gorgpt", help="the program, if it is not to be built")
parser.add_argument("--data", required=True)
parser.add_argument("--limit", type=int, default=300, help="passages and questions")
parser.add_argument("--few", type=int, help="pages, summaries and translations; a tenth of --limit")
parser.add_argument("--context", type=int, default=2048, help="tokens of a window, at most what the model has")
parser.add_argument("--only", action="append", help="tasks whose names begin so, or with = in front are so")
parser.add_argument("--cache", help="begins the name of a file of what the harness had from this model")
parser.add_argument("--batch", type=int, default=1, help="passages and choices that the harness runs at once")
parser.add_argument("--harness-only", action="store_true", help="only fill the cache")
args = parser.parse_args()
torch.set_num_threads(1)
os.environ["GOMAXPROCS"] = "1"
work = tempfile.TemporaryDirectory()
few = args.few or max(1, args.limit // 10)


def source(*names):
    """Returns the lines of the files, or None if one is not there."""
    paths = [os.path.join(args.data, n) for n in names]
    if not all(map(os.path.exists, paths)):
        return None
    return [open(p, newline="\n").read().removesuffix("\n").split("\n") for p in paths]


def rows(name, rows):
    path = os.path.join(work.name, name + ".jsonl")
    with open(path, "w") as f:
        f.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    return path


def shipped(yaml, split, path, **changes):
    config = load_yaml(os.path.join(os.path.dirname(lm_eval.tasks.__file__), yaml))
    for other in ("training_split", "validation_split", "test_split", "tag"):
        config.pop(other, None)
    return {**config, **local(split, path), **changes}


def local(split, path):
    return {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": {split: path}}, split + "_split": split}


def measure(name, config, data, limit, flags, metrics, shots=0):
    """Adds a task over the first rows, with the last ones as examples, and their file to the flags."""
    (split,) = config["dataset_kwargs"]["data_files"]
    if shots:
        name += f", {shots} shots"
    path = rows(name, data[: min(limit, len(data) - shots)])
    config = {**config, "dataset_kwargs": {"data_files": {split: path}}}
    flags = [*flags, "--data", path]
    if shots:
        examples = rows(name + ", examples", data[-shots:])
        config["dataset_kwargs"]["data_files"]["train"] = examples
        config |= {"training_split": "train", "fewshot_split": "train", "fewshot_config": {"sampler": "first_n"}}
        flags += ["--shots", str(shots), "--draw", "first", "--examples", examples]
    tasks.append((name, config, shots, flags, metrics))


def pages(lines):
    """Cuts WikiText into its articles: a title is between blank lines, with a single equals sign on each side."""
    page = ""
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""]):
        title = line.startswith(" = ") and not line.startswith(" = = ") and not before.strip() and not after.strip()
        if title and page.strip():
            yield page
            page = ""
        page += line + "\n"
    yield page


mean = {"aggregation": "mean", "higher_is_better": True}
accuracies = {"metric_list": [{"metric": m, **mean} for m in ("acc", "acc_norm")]}
choices = {"acc": "accuracy_sum", "acc_norm": "accuracy_chars"}
rolling = {"word_perplexity": "perplexity_per_word", "byte_perplexity": "perplexity_per_byte", "bits_per_byte": "bits_per_byte"}
rouge = {"rouge1": "rouge1", "rouge2": "rouge2", "rougeL": "rougeL"}
harness = ["--protocol", "harness"]
tasks = []  # name, the harness's task, shots, gorgpt's flags, gorgpt's names for the harness's metrics


def rouges(doc, results):
    """Returns the best F-measures over the three summaries, without stemming."""
    scores = RougeScorer(list(rouge)).score_multi([doc[f"summary{i}"] for i in (1, 2, 3)], results[0])
    return {name: score.fmeasure for name, score in scores.items()}


if found := source("eval/lambada_test.jsonl"):
    config = shipped("lambada/lambada_openai.yaml", "test", "")
    for shots in (0, 3):
        measure("LAMBADA", config, [json.loads(x) for x in found[0]], args.limit, ["--on", "lambada", *harness],
                {"acc": "accuracy", "perplexity": "perplexity"}, shots)
if found := source("eval/wiki.test.raw"):
    flags = ["--on", "perplexity", "--documents", "--bos", "--last-window", "full", "--words", "split", "--detokenizer", "wikitext-harness"]
    measure("WikiText-2", shipped("wikitext/wikitext.yaml", "test", ""), [{"page": p} for p in pages(found[0])], few, flags, rolling)
if found := source("tasks/piqa/valid.jsonl", "tasks/piqa/valid-labels.lst"):
    data = [{**json.loads(x), "label": int(y)} for x, y in zip(*found)]
    for shots in (0, 3):
        measure("PIQA", shipped("piqa/piqa.yaml", "validation", ""), data, args.limit, ["--on", "piqa", "--normalize", "chars", *harness], choices, shots)
if found := source("tasks/commonsense_qa/dev.jsonl"):
    data = [json.loads(x) for x in found[0]]
    config = {"task": "commonsense_qa_texts", "output_type": "multiple_choice", **local("validation", ""),
              "doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_choice": "{{choices.text}}",
              "doc_to_target": "{{choices.label.index(answerKey)}}", **accuracies}
    letters = shipped("commonsense_qa/default.yaml", "validation", "")
    for shots in (0, 3):
        if not shots:
            measure("CommonsenseQA", config, data, args.limit, ["--on", "commonsense_qa", "--normalize", "chars"], choices)
        measure("CommonsenseQA, letters", letters, data, args.limit, ["--on", "commonsense_qa", *harness], {"acc": "accuracy_sum"}, shots)
if os.path.exists(table := os.path.join(args.data, "tasks/rte/train.csv")):
    data = [{**r, "label": int(r["label"] == "not_entailment")} for r in csv.DictReader(open(table, newline=""))]
    measure("RTE", shipped("super_glue/rte/default.yaml", "validation", ""), data, args.limit, ["--on", "rte", *harness], {"acc": "accuracy_sum"}, 3)
if found := source("tasks/sst2/dev.tsv"):
    data = [{"sentence": x, "label": int(y)} for x, y in (line.split("\t") for line in found[0])]
    measure("SST-2", shipped("glue/sst2/default.yaml", "validation", ""), data, args.limit, ["--on", "sst2", *harness], {"acc": "accuracy_sum"})
if found := source("tasks/dialogsum/dialogsum.test.jsonl"):
    config = {"task": "dialogsum", "output_type": "generate_until", **local("test", ""), "doc_to_text": "{{dialogue}}\nTL;DR:",
              "doc_to_target": "{{summary1}}", "process_results": rouges, "metric_list": [{"metric": m, **mean} for m in rouge],
              "generation_kwargs": {"until": ["\n"], "max_gen_toks": 60, "do_sample": False}}
    for shots in (0, 2):
        separator = ["--separator", r"\n\n"] if shots else []
        measure("DialogSum", config, [json.loads(x) for x in found[0]], few, ["--on", "summarize", "--stop", r"\n", "--tokens", "60", *separator], rouge, shots)
if found := source("tasks/multi30k/test_2016_flickr.en", "tasks/multi30k/test_2016_flickr.de"):
    data = [{"source": x, "target": y} for x, y in zip(*found)]
    generation = {"generation_kwargs": {"until": ["\n"], "max_gen_toks": 40, "do_sample": False},
                  "metric_list": [{"metric": "bleu", "aggregation": "bleu", "higher_is_better": True}]}
    # The words of the prompt are those of the harness's wmt16-en-de.
    config = {"task": "multi30k", "output_type": "generate_until", **local("test", ""),
              "doc_to_text": "English phrase: {{source}}\nGerman phrase:", "doc_to_target": " {{target}}", **generation}
    flags = ["--on", "translate", *harness, "--tokens", "40"]
    for shots in (0, 3):
        measure("Multi30k", config, data, few, [*flags, "--language", "English", "--language", "German"], {"bleu": "bleu"}, shots)
    config |= {"task": "multi30k_equals", "doc_to_text": "{{source}} =", "doc_to_target": "{{target}}", "fewshot_delimiter": "\n"}
    measure("Multi30k as … =", config, data, few, [*flags, "--template", "equals", "--separator", r"\n"], {"bleu": "bleu"}, 3)

if args.only:
    tasks = [t for t in tasks if any(t[0].startswith(o) or "=" + t[0] == o for o in args.only)]
gorgpt = args.gorgpt or os.path.join(work.name, "gorgpt")
if not args.gorgpt:
    subprocess.run(["go", "build", "-o", gorgpt, "./cmd/gorgpt"], cwd=os.path.dirname(HERE), check=True)
lm = HFLM(pretrained=args.model, batch_size=1, dtype="float32", device="cpu")
window = min(args.context, lm.max_length)
lm._max_length = window
print("| task | n | metric | harness | gorgpt | difference, relative above 1 | items | seconds |\n|---|---|---|---|---|---|---|---|")
for name, task, shots, flags, names in tasks:
    lm.batch_size_per_gpu = args.batch if task["output_type"] in ("loglikelihood", "multiple_choice") else 1
    began = time.time()
    r = simple_evaluate(model=lm, tasks=[task], num_fewshot=shots, log_samples=True, bootstrap_iters=0, use_cache=args.cache)
    seconds = f"{time.time() - began:.0f}"
    (key, theirs), = r["results"].items()
    theirs = {k.split(",")[0]: v for k, v in theirs.items()}
    if args.harness_only:
        print(f"{name}: {len(r['samples'][key])} items, {seconds} s, " + ", ".join(f"{m} {theirs[m]:.6g}" for m in names), flush=True)
        continue
    samples = os.path.join(work.name, "samples")
    began = time.time()
    out = subprocess.run([gorgpt, "eval", "--json", "--samples", samples, "--from", args.ours or args.model, "--context", str(window), *flags],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds += f", {time.time() - began:.0f}"
    ours = json.loads(out)["metrics"]
    items = sorted(r["samples"][key], key=lambda s: s["doc_id"])
    worst, same = 0, 0
    for theirs_of, ours_of in zip(items, map(json.loads, open(samples)), strict=True):
        responses = theirs_of["resps"]
        if "log_likelihoods" in ours_of:
            values = [x[0] if isinstance(x[0], float) else x[0][0] for x in responses]
            values = [float(v) for v in values]
            worst = max([worst, *(abs(a - b) for a, b in zip(values, ours_of["log_likelihoods"], strict=True))])
        else:
            same += responses[0][0] == ours_of.get("text", "")
    detail = f"{same} of {len(items)} texts equal" if "text" in ours_of else f"log-likelihoods within {worst:.1g}"
    for metric, our_name in names.items():
        a, b = theirs[metric], ours[our_name]
        print(f"| {name} | {len(items)} | {metric} = {our_name} | {a:.6g} | {b:.6g} | {abs(a - b) / max(1, abs(a)):.1g} | {detail} | {seconds} |", flush=True)
