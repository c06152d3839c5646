"""Evaluates a server with lm-evaluation-harness (0.4.13) through local-completions, and prints the results for each item as JSON:

    python lm_eval_client.py URL MODEL POSITIONS DATA

DATA is eval/testdata/harness. The tasks are the harness's own except for the location of their data, as in eval/testdata/harness.py.
The server tokenizes too, so that the harness knows the model only through HTTP.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval.tasks
from lm_eval import simple_evaluate
from lm_eval.models.openai_completions import LocalCompletionsAPI
from lm_eval.tasks._yaml_loader import load_yaml

url, model, positions, folder = sys.argv[1:]


def data(name, split):
    return {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": {split: os.path.join(folder, name + ".jsonl")}}, split + "_split": split}


def shipped(path, name, split):
    config = load_yaml(os.path.join(os.path.dirname(lm_eval.tasks.__file__), path))
    for other in ("training_split", "validation_split", "test_split", "tag"):
        config.pop(other, None)
    return {**config, **data(name, split)}


TASKS = {
    "lambada": shipped("lambada/lambada_openai.yaml", "lambada", "test"),
    "piqa": shipped("piqa/piqa.yaml", "piqa", "validation"),
    "pages": {"task": "pages", "output_type": "loglikelihood_rolling", **data("pages", "test"), "doc_to_text": "", "doc_to_target": "{{page}}",
              "metric_list": [{"metric": m} for m in ("word_perplexity", "byte_perplexity", "bits_per_byte")]},
    "qa": {"task": "qa", "output_type": "generate_until", **data("qa", "test"), "doc_to_text": "{{question}}", "doc_to_target": "{{answer}}",
           "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12, "do_sample": False},
           "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}]},
}
lm = LocalCompletionsAPI(base_url=url + "/v1/completions", model=model, tokenizer_backend="remote", max_length=int(positions), batch_size=3, num_concurrent=2)
items = {}
for name, task in TASKS.items():
    result = simple_evaluate(model=lm, tasks=[dict(task)], log_samples=True, bootstrap_iters=0)
    samples = sorted(next(iter(result["samples"].values())), key=lambda s: s["doc_id"])
    one = {"qa": lambda s: s["resps"][0][0].strip(), "pages": lambda s: float(s["resps"][0][0])}.get(name, lambda s: [float(r[0][0]) for r in s["resps"]])
    items[name] = [one(s) for s in samples]
print(json.dumps(items))
