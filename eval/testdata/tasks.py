"""Makes the fixtures in tasks/ with EleutherAI's lm-evaluation-harness, in float64:

    python tasks.py          # lm_eval 0.4.13, torch 2.15, transformers 5.24; about a minute

The data of each task are a few sentences generated here, in the form in which the data set is published. They
are measured twice: as the harness ships the task ("harness"), and, if GPT-3's paper has the task, with prompts in
the words of the paper ("gpt3"); tasks that neither has are "plain". The measures that the paper compares and the
harness does not have, the mean over tokens and the ratio to the likelihood without context, are computed here
from the harness's log-likelihoods. The model has 14,000 random weights over the vocabulary of harness/gpt2.
"""
import json
import os
import random

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import lm_eval.tasks
import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

CONTEXT = 256
rng = random.Random(5)
torch.manual_seed(5)
torch.set_num_threads(1)
NAMES, ANIMALS, PLACES = ["Ann", "Bob", "Zoë", "Tom"], ["cat", "dog", "frog", "bird"], ["hill", "barn", "café", "road"]
SOUNDS = dict(zip(ANIMALS, ["purrs", "barks", "croaks", "sings"]))


def some():
    """Returns a name, two different animals, and a place."""
    return rng.choice(NAMES), *rng.sample(ANIMALS, 2), rng.choice(PLACES)


def keyed(question, right, wrong, letters="ABCDE", **more):
    texts = [right, *wrong]
    rng.shuffle(texts)
    labels = list(letters[:len(texts)])
    return {**question, "choices": {"text": texts, "label": labels}, "answerKey": labels[texts.index(right)], **more}


def piqa():
    name, a, b, place = some()
    pair, label = [f"Call the {a}.", f"Call the {b} at the {place}."], rng.randrange(2)
    return {"goal": f"{name} hears that it {SOUNDS[[a, b][label]]}" + rng.choice(["", " ", "."]), "sol1": pair[0], "sol2": pair[1], "label": label}


def hellaswag():
    name, a, b, place = some()
    ends = [f"it {SOUNDS[x]}." for x in ANIMALS]
    return {"activity_label": "Animals", "ctx_a": f"{name} has a {a}.", "ctx_b": f"every day the {a}", "ctx": f"{name} has a {a}. Every day the {a}",
            "endings": ends, "label": str(ANIMALS.index(a))}


def science():
    name, a, b, place = some()
    return a, [SOUNDS[a], *[SOUNDS[x] + rng.choice(["", " at the " + place]) for x in ANIMALS if x != a]]


def arc():
    a, (right, *wrong) = science()
    return keyed({"question": f"What does a {a} do?"}, right, wrong, rng.choice(["ABCD", "1234"]))


def openbookqa():
    a, (right, *wrong) = science()
    return keyed({"question_stem": f"Every day a {a}"}, right, wrong)


def commonsense_qa():
    a, (right, *wrong) = science()
    return keyed({"question": f"What does a {a} do? "}, right, [*wrong, "moos"])


def boolq():
    name, a, b, place = some()
    label = rng.randrange(2)
    return {"passage": f"{name} has a {a}. It lives by the {place}.", "question": f"is there a {[b, a][label]}", "label": bool(label)}


def copa():
    name, a, b, place = some()
    return {"premise": f"The {a} {SOUNDS[a]}" + rng.choice([".", ". ", "!"]), "question": rng.choice(["cause", "effect"]),
            "choice1": f"{name} hears it.", "choice2": f"The {b} follows.", "label": rng.randrange(2)}


def rte():
    name, a, b, place = some()
    label = rng.randrange(2)
    return {"premise": f"{name} has a {a} by the {place}.", "hypothesis": f"There is a {[a, b][label]}.", "label": label}


def story_cloze():
    name, a, b, place = some()
    right = rng.randrange(2)
    pair = [f"The {a} {SOUNDS[a]}.", f"The {b} follows."]
    return {"input_sentence_1": f"{name} has a {a}.", "input_sentence_2": "It lives.", "input_sentence_3": f"It {SOUNDS[a]}.", "input_sentence_4": "We hear it.",
            "sentence_quiz1": pair[right], "sentence_quiz2": pair[1 - right], "answer_right_ending": right + 1}


def winogrande():
    name, a, b, place = some()
    answer = rng.randrange(2)
    return {"sentence": f"There is a {a} and a {b}. We hear the _" + rng.choice(["", "'s day", ","]) + f" because it {SOUNDS[[a, b][answer]]}.",
            "option1": a, "option2": b, "answer": str(answer + 1)}


def sst2():
    name, a, b, place = some()
    label = rng.randrange(2)
    return {"sentence": rng.choice([["a bad", "the café of"], ["a good", "well known"]][label]) + f" {a} , so they say", "label": label}


def ag_news():
    name, a, b, place = some()
    return {"text": f"{name} ({place}) has a {a}, they say.", "label": rng.randrange(4)}


def lambada():
    name, a, b, place = some()
    return {"text": f"{name} has a {a}. It lives by the {place}. {name} goes to the {place}"}


def translate():
    name, a, b, place = some()
    source, target = f"The {a} of {name} {SOUNDS[a]}.", f"Le {a} de {name}."
    return {"source": source, "target": target, "translation": {"en": source, "fr": target}}


def data(name):
    return {"dataset_path": "json", "dataset_name": None, "training_split": "train", "test_split": "test", "fewshot_config": {"sampler": "first_n"},
            "dataset_kwargs": {"data_files": {"test": f"tasks/{name}.jsonl", "train": f"tasks/{name}-shots.jsonl"}}}


MEANS = ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")


def shipped(path, name):
    """Returns a task as the harness ships it, except for its data and its metrics."""
    config = load_yaml(os.path.join(os.path.dirname(lm_eval.tasks.__file__), path))
    for other in ("validation_split", "tag", "include"):
        config.pop(other, None)
    means = MEANS[:1] if name == "winogrande" else MEANS  # acc_tokens would divide by the length of the context there
    metrics = config["metric_list"] if name == "lambada" else [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in means]
    return {**config, **data(name), "metric_list": metrics}


def worded(task, text, **changes):
    """Returns a task with the wording of GPT-3's paper."""
    return {**task, "task": task["task"] + "_worded", "doc_to_text": text, "metric_list": [m for m in task["metric_list"] if m["metric"] != "acc_mutual_info"], **changes}


MAKERS = [piqa, hellaswag, arc, openbookqa, commonsense_qa, boolq, copa, rte, story_cloze, winogrande, sst2, ag_news, lambada, translate]
for make in MAKERS:
    for name, n in ((make.__name__, 8), (make.__name__ + "-shots", 3)):
        with open(f"tasks/{name}.jsonl", "w") as f:
            f.writelines(json.dumps(make(), ensure_ascii=False) + "\n" for _ in range(n))

PATHS = {"piqa": "piqa/piqa", "hellaswag": "hellaswag/hellaswag", "arc": "arc/arc_easy", "openbookqa": "openbookqa/openbookqa",
         "commonsense_qa": "commonsense_qa/default", "boolq": "super_glue/boolq/default", "copa": "super_glue/copa/default",
         "rte": "super_glue/rte/default", "story_cloze": "storycloze/storycloze_2016", "winogrande": "winogrande/default", "sst2": "glue/sst2/default",
         "lambada": "lambada/lambada_openai"}
HARNESS = {name: shipped(path + ".yaml", name) for name, path in PATHS.items()}
ALONE = "Answer:"
CAUSE = "{% set p = premise.strip().rstrip('.') %}{{p}}{{' because' if question == 'cause' else ' therefore'}}"
SMALL = "{{[choice1[0]|lower + choice1[1:], choice2[0]|lower + choice2[1:]]}}"
GPT3 = {
    "piqa": worded(HARNESS["piqa"], "{{goal}}"),
    "hellaswag": worded(HARNESS["hellaswag"], "{{query}}"),
    "arc": worded(HARNESS["arc"], "Question: {{question}}\nAnswer:"),
    "openbookqa": worded(HARNESS["openbookqa"], "{{question_stem}}"),
    "boolq": worded(HARNESS["boolq"], "{{passage}}\nquestion: {{question}}?\nanswer:"),
    "copa": worded(HARNESS["copa"], CAUSE, doc_to_choice=SMALL, doc_to_target="label"),
    "rte": worded(HARNESS["rte"], "{{premise}}\nquestion: {{hypothesis}} True or False?\nanswer:"),
    "winogrande": worded(HARNESS["winogrande"], HARNESS["winogrande"]["doc_to_text"], doc_to_target="{{sentence.split('_')[1]}}", target_delimiter=""),
    "story_cloze": worded(HARNESS["story_cloze"], "{{input_sentence_1}} {{input_sentence_2}} {{input_sentence_3}} {{input_sentence_4}}"),
}
PLAIN = {"ag_news": {"task": "ag_news", "output_type": "multiple_choice", **data("ag_news"), "doc_to_text": "Article: {{text}}\nAnswer:",
                     "doc_to_choice": ["World", "Sports", "Business", "Technology"], "doc_to_target": "label",
                     "metric_list": HARNESS["piqa"]["metric_list"]}}
LAST = "{{text.split(' ')[-1]}}"
TRANSLATE = {**shipped("translation/wmt14_en-fr.yaml", "translate"), "output_type": "generate_until", "fewshot_split": "train",
             "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12, "do_sample": False},
             "metric_list": [{"metric": "bleu", "aggregation": "bleu", "higher_is_better": True}]}
BLANK = {**HARNESS["lambada"], "task": "blank", "description": "Fill in blank:\n\n", "doc_to_text": "{{text.split(' ')[:-1]|join(' ')}} ____. ->",
         # The harness puts a space before the answer of an example, but not before the answer that it scores.
         "doc_to_target": LAST}


class Spaced(HFLM):
    """Scores an answer with a space before it, as in the examples."""
    def loglikelihood(self, requests, *args, **kwargs):
        for r in requests:
            r.arguments = (r.args[0], " " + r.args[1])
        return super().loglikelihood(requests, *args, **kwargs)


tokenizer = AutoTokenizer.from_pretrained("harness/gpt2")
GPT2LMHeadModel(GPT2Config(
    vocab_size=len(tokenizer), n_positions=CONTEXT, n_embd=16, n_layer=1, n_head=2, initializer_range=0.4, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
    bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id)).save_pretrained("tasks/model")
tokenizer.save_pretrained("tasks/model")


def subject(kind=HFLM, length=CONTEXT, folder="tasks/model"):
    return kind(pretrained=GPT2LMHeadModel.from_pretrained(folder).double().eval(), tokenizer=tokenizer, batch_size=1,
                max_length=length, logits_cache=False)


CATALOGUE = lm_eval.tasks.TaskManager()


def evaluate(lm, task, shots):
    r = simple_evaluate(model=lm, task_manager=CATALOGUE, tasks=[dict(task)], num_fewshot=shots, log_samples=True, bootstrap_iters=0)
    (key, numbers), = r["results"].items()
    samples = sorted(r["samples"][key], key=lambda s: s["doc_id"])
    return samples, {k.split(",")[0]: v for k, v in numbers.items() if isinstance(v, float) and "stderr" not in k}


def tokens(before, text):
    both, cut = before + text, len(before.rstrip())
    return len(tokenizer(both).input_ids) - len(tokenizer(both[:cut]).input_ids)


def best(values):
    return max(range(len(values)), key=values.__getitem__)


def measured(task, protocol, config, shots, lm, window=CONTEXT):
    samples, metrics = evaluate(lm, config, shots)
    if task == "translate":
        return {"task": task, "protocol": protocol, "shots": shots, "window": window, "items": [s["resps"][0][0] for s in samples], "metrics": metrics}
    values = [[float(x[0][0]) for x in s["resps"]] for s in samples]
    if "acc_mutual_info" in metrics:
        values = [v[:len(v) // 2] for v in values]
    if task != "lambada" and task != "winogrande":
        gold = [best([i == s["target"] or c == s["target"] for i, c in enumerate(x)]) for s, x in zip(samples, [choices(s) for s in samples])]
        mean = [[v / tokens(*a) for v, a in zip(vs, arguments(s))] for s, vs in zip(samples, values)]
        metrics["acc_tokens"] = sum(best(v) == g for v, g in zip(mean, gold)) / len(gold)
        if protocol == "gpt3":
            alone, _ = evaluate(lm, {**config, "task": "alone", "doc_to_text": ALONE}, 0)
            ratios = [[v - float(x[0][0]) for v, x in zip(vs, s["resps"])] for s, vs in zip(alone, values)]
            metrics["acc_ratio"] = sum(best(v) == g for v, g in zip(ratios, gold)) / len(gold)
    return {"task": task, "protocol": protocol, "shots": shots, "window": window, "items": values, "metrics": metrics}


def arguments(sample):
    return [(a["arg_0"], a["arg_1"]) for a in sample["arguments"].values()] if isinstance(sample["arguments"], dict) else sample["arguments"]


def choices(sample):
    return [text[1:] for _, text in arguments(sample)]


runs = []
lm = subject()
for protocol, all in (("harness", HARNESS), ("gpt3", GPT3), ("plain", PLAIN)):
    for name, config in all.items():
        for shots in (0, 2):
            runs.append(measured(name, protocol, config, shots, lm))
runs.append(measured("lambada", "gpt3", BLANK, 2, subject(Spaced)))
# Translations must be text, so a trained model generates them.
trained = subject(length=64, folder="harness/gpt2")
runs += [measured("translate", "harness", TRANSLATE, shots, trained, 64) for shots in (0, 1, 2)]
# Examples that do not fit lose their beginning.
short = subject(length=48)
for name in ("rte", "arc", "lambada"):
    runs.append(measured(name, "harness", HARNESS[name], 3, short, 48))
lines = [json.dumps(r, ensure_ascii=False) for r in runs]
open("tasks/expected.json", "w").write("[\n" + ",\n".join(lines) + "\n]\n")
