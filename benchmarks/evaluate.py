"""Evaluates one model on published data with EleutherAI's lm-evaluation-harness and with
gorgpt eval, and prints a table of both and the largest difference of a log-likelihood.

    python benchmarks/evaluate.py --model DIR --data DIR [--limit 300]

Needs Go, and a Python with torch, transformers and lm_eval (0.4.13 was used). --data holds what
each task names below; tasks whose files are not there are left out. The tasks are those that the
harness ships, with other data, but CommonsenseQA, where it has the model choose a letter,
and translations, where it has none of this data. CommonsenseQA is measured by letters too.
"""
import argparse
import csv
import json
import os
import subprocess
import tempfile

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval.tasks
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml

HERE = os.path.dirname(os.path.abspath(__file__))

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--data", required=True)
parser.add_argument("--limit", type=int, default=300, help="passages and questions; a tenth as many pages and translations")
args = parser.parse_args()
work = tempfile.TemporaryDirectory()
few = max(1, args.limit // 10)


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


def local(split, path, **more):
    return {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": {split: path, **more}}, split + "_split": split}


def pages(lines):
    """Cuts WikiText into its articles: a title stands between blank lines, in single signs."""
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
tasks = []  # name, the harness's task, shots, gorgpt's flags, names of the metrics

if found := source("eval/lambada_test.jsonl"):
    path = rows("lambada", [json.loads(x) for x in found[0][:args.limit]])
    tasks.append(("LAMBADA", shipped("lambada/lambada_openai.yaml", "test", path), 0, ["--on", "lambada", "--data", path],
                  {"acc": "accuracy", "perplexity": "perplexity"}))
if found := source("eval/wiki.test.raw"):
    path = rows("wikitext", [{"page": p} for p, _ in zip(pages(found[0]), range(few))])
    flags = ["--on", "perplexity", "--data", path, "--documents", "--bos", "--last-window", "full", "--words", "split",
             "--detokenizer", "wikitext-harness"]
    tasks.append(("WikiText-2", shipped("wikitext/wikitext.yaml", "test", path), 0, flags, rolling))
if found := source("tasks/piqa/valid.jsonl", "tasks/piqa/valid-labels.lst"):
    pairs = [{**json.loads(x), "label": int(y)} for x, y in zip(*found)]
    path, shots = rows("piqa", pairs[:args.limit]), rows("piqa-shots", pairs[-3:])
    flags = ["--on", "piqa", "--data", path, "--normalize", "chars"]
    tasks.append(("PIQA", shipped("piqa/piqa.yaml", "validation", path), 0, flags, choices))
    three = shipped("piqa/piqa.yaml", "validation", path, training_split="train", fewshot_config={"sampler": "first_n"})
    three["dataset_kwargs"]["data_files"]["train"] = shots
    tasks.append(("PIQA, 3 shots", three, 3, [*flags, "--protocol", "harness", "--shots", "3", "--draw", "first", "--examples", shots], choices))
if found := source("tasks/commonsense_qa/dev.jsonl"):
    path = rows("commonsense_qa", [json.loads(x) for x in found[0][:args.limit]])
    config = {"task": "commonsense_qa_texts", "output_type": "multiple_choice", **local("validation", path),
              "doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_choice": "{{choices.text}}",
              "doc_to_target": "{{choices.label.index(answerKey)}}", **accuracies}
    tasks.append(("CommonsenseQA", config, 0, ["--on", "commonsense_qa", "--data", path, "--normalize", "chars"], choices))
    tasks.append(("CommonsenseQA, letters", shipped("commonsense_qa/default.yaml", "validation", path), 0,
                  ["--on", "commonsense_qa", "--protocol", "harness", "--data", path], {"acc": "accuracy_sum"}))
if os.path.exists(table := os.path.join(args.data, "tasks/rte/train.csv")):
    pairs = [{**r, "label": int(r["label"] == "not_entailment")} for r in csv.DictReader(open(table, newline=""))]
    path, shots = rows("rte", pairs[:args.limit]), rows("rte-shots", pairs[-3:])
    config = shipped("super_glue/rte/default.yaml", "validation", path, training_split="train", fewshot_config={"sampler": "first_n"})
    config["dataset_kwargs"]["data_files"]["train"] = shots
    tasks.append(("RTE, 3 shots", config, 3,
                  ["--on", "rte", "--protocol", "harness", "--data", path, "--shots", "3", "--draw", "first", "--examples", shots], {"acc": "accuracy_sum"}))
if found := source("tasks/sst2/dev.tsv"):
    path = rows("sst2", [{"sentence": x, "label": int(y)} for x, y in (line.split("\t") for line in found[0][:args.limit])])
    tasks.append(("SST-2", shipped("glue/sst2/default.yaml", "validation", path), 0, ["--on", "sst2", "--protocol", "harness", "--data", path], {"acc": "accuracy_sum"}))
if found := source("tasks/multi30k/test_2016_flickr.en", "tasks/multi30k/test_2016_flickr.de"):
    pairs = [{"source": x, "target": y} for x, y in zip(*found)]
    path, shots = rows("multi30k", pairs[:few]), rows("multi30k-shots", pairs[-3:])
    config = {"task": "multi30k", "output_type": "generate_until", **local("test", path, train=shots), "fewshot_split": "train",
              "fewshot_config": {"sampler": "first_n"}, "doc_to_text": "{{source}} =", "doc_to_target": "{{target}}",
              "fewshot_delimiter": "\n", "generation_kwargs": {"until": ["\n"], "max_gen_toks": 40, "do_sample": False},
              "metric_list": [{"metric": "bleu", "aggregation": "bleu", "higher_is_better": True}]}
    tasks.append(("Multi30k, 3 shots", config, 3,
                  ["--on", "translate", "--data", path, "--protocol", "harness", "--template", "equals", "--separator", r"\n", "--shots", "3", "--draw", "first", "--examples", shots, "--tokens", "40"],
                  {"bleu": "bleu"}))

gorgpt = os.path.join(work.name, "gorgpt")
subprocess.run(["go", "build", "-o", gorgpt, "./cmd/gorgpt"], cwd=os.path.dirname(HERE), check=True)
lm = HFLM(pretrained=args.model, batch_size=1, dtype="float32", device="cpu")
print("| task | n | metric | harness | gorgpt | difference, relative above 1 | items |\n|---|---|---|---|---|---|---|")
for name, task, shots, flags, names in tasks:
    r = simple_evaluate(model=lm, tasks=[task], num_fewshot=shots, log_samples=True, bootstrap_iters=0)
    (key, theirs), = r["results"].items()
    theirs = {k.split(",")[0]: v for k, v in theirs.items()}
    samples = os.path.join(work.name, "samples")
    out = subprocess.run([gorgpt, "eval", "--json", "--samples", samples, "--from", args.model, *flags], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
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
        print(f"| {name} | {len(items)} | {metric} = {our_name} | {a:.6g} | {b:.6g} | {abs(a - b) / max(1, abs(a)):.1g} | {detail} |", flush=True)
