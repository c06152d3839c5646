"""Makes the fixtures of package eval with PyTorch and transformers, in float64:

    python fixtures.py        # torch 2.15, transformers 5.23; about a minute

model/ is a small byte-level GPT-2, trained briefly on sentences generated here, so that it is
right about some last words and wrong about others. The data files contain sentences of the same
kind. expected.json holds what transformers computes for them; golden.json holds the losses
of AdamW steps and greedy continuations in the form that `gorgpt eval --on golden` reads.
"""
import json
import math
import random
import re

import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(1)
rng = random.Random(1)
torch.set_num_threads(1)
END, CONTEXT = 256, 160

ANIMALS = {"cat": "purrs", "dog": "barks", "cow": "moos", "frog": "croaks", "bird": "sings"}
NAMES = ["Ann", "Bob", "Tom", "Eve"]
PLACES = ["hill", "barn", "pond", "road"]


def story(name=None, animal=None, place=None):
    """Returns a passage and its last word."""
    name, animal, place = name or rng.choice(NAMES), animal or rng.choice(list(ANIMALS)), place or rng.choice(PLACES)
    return rng.choice([
        (f"{name} has a {animal}. It lives by the {place}. Every day the {animal}", ANIMALS[animal]),
        (f"There is a {animal} by the {place}. {name} hears that it", ANIMALS[animal]),
        (f"{name} walks to the {place}. The {animal} follows. They meet at the", place),
    ])


def encode(text):
    return list(text.encode())


# The model.
config = GPT2Config(vocab_size=257, n_positions=CONTEXT, n_embd=32, n_layer=2, n_head=4, bos_token_id=END,
                    eos_token_id=END, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
model = GPT2LMHeadModel(config)
corpus = []
while len(corpus) < 120_000:
    corpus += [END] + encode(" ".join(" ".join(story()) + "." for _ in range(4)))
corpus = torch.tensor(corpus)
steps = 700
adam = torch.optim.AdamW(model.parameters(), lr=4e-3)
schedule = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, steps)
for step in range(steps):
    at = torch.randint(len(corpus) - CONTEXT, (12,))
    batch = torch.stack([corpus[i:i + CONTEXT] for i in at])
    loss = model(batch, labels=batch).loss
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
    adam.step()
    schedule.step()
print("trained to", loss.item())
model.save_pretrained("model")
model = model.double().eval()


@torch.no_grad()
def logits(ids):
    return model(torch.tensor([ids])).logits[0]


def score(before, text):
    """Returns the log-likelihood of each byte of text after before, and whether it is the likeliest byte."""
    spaces = len(before) - len(before.rstrip(" "))
    if spaces:
        before, text = before[:-spaces], before[-spaces:] + text
    left, right = encode(before) or [END], encode(text)
    ids = (left + right)[-(CONTEXT + 1):]
    out = torch.log_softmax(logits(ids[:-1])[-len(right):], -1)
    return [(out[i, id].item(), out[i].argmax().item() == id) for i, id in enumerate(right)]


expected = {}

# Perplexity: windows of T inputs and T targets, moved by the stride; each token is
# counted in the first window that predicts it.
text = ""
for i in range(12):
    text += " ".join(" ".join(story()) + "." for _ in range(3)) + ("\n\n" if i % 5 == 4 else "\n")
open("text.txt", "w").write(text)


def perplexity(window, stride, bos):
    ids = ([END] if bos else []) + encode(text)
    nll, counted, next = 0.0, 0, 0
    while counted < len(ids) - 1:
        end = min(next + window, len(ids) - 1)
        out = torch.log_softmax(logits(ids[next:end]), -1)
        for i in range(counted, end):
            nll -= out[i - next, ids[i + 1]].item()
        counted, next = end, next + stride
    words = len(text.split()) + text.count("\n")
    return {"window": window, "stride": stride, "bos": bos, "tokens": counted, "loss": nll / counted,
            "perplexity_per_token": math.exp(nll / counted), "perplexity_per_word": math.exp(nll / words),
            "bits_per_byte": nll / len(text) / math.log(2)}


expected["perplexity"] = [perplexity(w, s, b) for w, s, b in
                          [(160, 160, False), (160, 40, True), (64, 64, True), (64, 16, False), (33, 7, False)]]

# LAMBADA.
passages = [" ".join(story()) for _ in range(40)]
with open("lambada.jsonl", "w") as f:
    for p in passages:
        f.write(json.dumps({"text": p}) + "\n")
right = last = nll = tokens = 0
for p in passages:
    cut = p.rindex(" ")
    s = score(p[:cut], p[cut:])
    right += all(best for _, best in s)
    last += s[-1][1]
    nll -= sum(x for x, _ in s)
    tokens += len(s)
expected["lambada"] = {"accuracy": right / len(passages), "accuracy_last_token": last / len(passages),
                       "perplexity": math.exp(nll / len(passages)), "tokens": tokens}

# Multiple choice: questions of (before, texts, answer), and a file in each format.
expected["choices"] = {}


def choices(name, questions, lines, shots=""):
    """questions: (list of (before, text), answer)."""
    with open(name, "w") as f:
        f.write("\n".join(lines) + "\n")
    rows, right = [], {"sum": 0, "tokens": 0, "chars": 0}
    for texts, answer in questions:
        scores = [sum(x for x, _ in score(shots + before, t)) for before, t in texts]
        # A space moved from the end of before to the text adds a token to it.
        size = [len(t.encode()) + len(b) - len(b.rstrip(" ")) for b, t in texts]
        rows.append(scores)
        for by, value in [("sum", scores), ("tokens", [x / n for x, n in zip(scores, size)]),
                          ("chars", [x / len(t.strip()) for x, (_, t) in zip(scores, texts)])]:
            right[by] += max(range(len(value)), key=value.__getitem__) == answer
    expected["choices"][name] = {"scores": rows, "accuracy": {k: v / len(questions) for k, v in right.items()}}


questions, lines, piqa, csqa, own, labels = [], [], [], [], [], []
for _ in range(12):
    passage, word = story()
    others = [w for w in (PLACES if word in PLACES else list(ANIMALS.values())) if w != word]
    # One choice is much longer, so that the normalisers disagree.
    ends = [word, others[0], others[1] + " at the " + rng.choice(PLACES), "is"]
    order = rng.sample(range(4), 4)
    ends = [ends[i] for i in order]
    answer = order.index(0)
    questions.append(([(passage, " " + e) for e in ends], answer))
    lines.append(json.dumps({"ctx": passage, "endings": ends, "label": answer}))
    piqa.append(([("Question: " + passage + "\nAnswer:", " " + e) for e in ends[:2]], answer % 2))
    csqa.append(([("Question: " + passage + "\nAnswer:", " " + e) for e in ends], answer))
    own.append(json.dumps({"question": passage, "choices": ends, "answer": "ABCD"[answer]}))
    labels.append((passage, ends, answer))
choices("hellaswag.jsonl", questions, lines)
choices("choices.jsonl", questions, own)
choices("piqa.jsonl", piqa, [json.dumps({"goal": p, "sol1": e[0], "sol2": e[1]}) for p, e, _ in labels])
open("piqa-labels.lst", "w").write("".join(f"{a % 2}\n" for _, _, a in labels))
choices("commonsense_qa.jsonl", csqa, [
    json.dumps({"question": p, "choices": {"label": list("ABCD"), "text": e}, "answerKey": "ABCD"[a]}) for p, e, a in labels])

# The same questions after one example, the only one in the file of examples.
passage, word = story("Ann", "dog", "pond")
choices("one.jsonl", [([(passage, " " + word), (passage, " is")], 0)],
        [json.dumps({"question": passage, "choices": [word, "is"], "answer": 0})])
choices("shots.jsonl", questions, own, shots=passage + " " + word + "\n\n")

# Winograd: an underscore stands for the pronoun.
lines, partial, full = [], [], []
for _ in range(10):
    animal, other = rng.sample(list(ANIMALS), 2)
    before, after = "Ann has a ", f". It lives by the pond. Every day it {ANIMALS[animal]}"
    options = [animal, other]
    rng.shuffle(options)
    answer = options.index(animal)
    lines.append(json.dumps({"sentence": before + "_" + after, "option1": options[0], "option2": options[1],
                             "answer": str(answer + 1)}))
    partial.append(([(before + o, after) for o in options], answer))
    full.append(([("", before + o + after) for o in options], answer))
choices("winograd.jsonl", partial, lines)
choices("winograd-full.jsonl", full, lines)

# Children's Book Test: 20 lines that exceed the context, so that their beginning is cut.
cbt, lines = [], []
for _ in range(5):
    tale = [" ".join(story()) + " ." for _ in range(20)]
    passage, word = story("Bob")
    candidates = rng.sample(list(ANIMALS.values()) + PLACES + ["Tom"], 10)
    if word not in candidates:
        candidates[rng.randrange(10)] = word
    lines += [f"{i + 1} {s}" for i, s in enumerate(tale)]
    lines += [f"21 {passage} XXXXX .\t{word}\t\t{'|'.join(candidates)}", ""]
    cbt.append(([(" ".join(tale) + " " + passage + " ", c + " .") for c in candidates], candidates.index(word)))
choices("cbt.txt", cbt, lines)

json.dump(expected, open("expected.json", "w"), indent=1)

# Golden numbers.
size, context = 4, 32
ids = encode(text)[:size * context + 1]
x = torch.tensor(ids[:-1]).view(size, context)
y = torch.tensor(ids[1:]).view(size, context)


def run(name, beta2, decay, clip):
    m = GPT2LMHeadModel.from_pretrained("model").double().eval()
    adam = torch.optim.AdamW(m.parameters(), lr=1e-4, betas=(0.9, beta2), eps=1e-8, weight_decay=decay)
    losses = []
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(m(x).logits.view(-1, 257), y.view(-1))
        adam.zero_grad()
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(m.parameters(), clip)
        adam.step()
        losses.append(loss.item())
    return {"name": name, "lr": 1e-4, "beta1": 0.9, "beta2": beta2, "epsilon": 1e-8, "decay": decay, "clip": clip,
            "losses": losses, "tolerance": 1e-4, "source": "PyTorch, float64"}


def greedy(prompt, n):
    left = encode(prompt)
    for _ in range(n):
        left.append(logits(left)[-1].argmax().item())
    return {"name": prompt, "prompt": encode(prompt), "ids": left[-n:], "source": "transformers, float64"}


def top(prompt):
    out = logits(encode(prompt))[-1]
    best = out.topk(5).indices.tolist()
    return {"name": prompt, "prompt": encode(prompt), "ids": best, "logits": out[best].tolist(), "tolerance": 1e-4,
            "source": "transformers, float64"}


golden = {"model": "model", "source": "testdata/fixtures.py", "parameters": sum(p.numel() for p in model.parameters()),
          "batch": {"size": size, "context": context, "ids": ids},
          "runs": [run("every tensor decays", 0.999, 0.01, 0), run("clipped", 0.95, 0, 1)],
          "continuations": [greedy("Tom has a frog. It", 24), greedy("There is a cat by", 24)],
          "next": [top("Ann walks to the hill. The"), top("Bob hears")]}
text = json.dumps(golden, indent=1)
text = re.sub(r"\[\s+([-\d.,e\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m.group(1)) + "]", text)
open("golden.json", "w").write(text + "\n")
