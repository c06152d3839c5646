"""Records the scores that sacrebleu 2.x and rouge-score give texts generated here, in text_metrics.json, and the F1 of answers, in answers.json:

    python text_metrics.py    # pip install sacrebleu rouge-score
"""
import collections
import json
import random
import re
import string

import sacrebleu
from rouge_score import rouge_scorer

rng = random.Random(3)
WORDS = "the a cat dog man sees old 1,000 3.5 well-known house's house, (and) says: \"no\" U.S. & it's über 10-20 e.g. $5 end. why? stop!".split()


def text(n):
    return " ".join(rng.choice(WORDS) for _ in range(n))


def noisy(s):
    words = [w for w in s.split() if rng.random() > 0.2]
    for i in range(len(words)):
        if rng.random() < 0.15:
            words[i] = rng.choice(WORDS)
    return " ".join(words)


cases = []
for lengths, references in [((12, 15), 1), ((5, 9, 20), 2), ((3,), 1), ((2,), 1), ((30, 28, 25, 31), 3)]:
    refs = [[text(n) for n in lengths] for _ in range(references)]
    hyps = [noisy(rng.choice(refs)[i]) for i in range(len(lengths))]
    bleu = sacrebleu.corpus_bleu(hyps, refs)
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    rouge = {k: 0.0 for k in ["rouge1", "rouge2", "rougeL"]}
    for i, h in enumerate(hyps):
        for k, s in scorer.score_multi([r[i] for r in refs], h).items():
            rouge[k] += s.fmeasure / len(hyps)
    cases.append({"hypotheses": hyps, "references": [[r[i] for r in refs] for i in range(len(hyps))],
                  "bleu": bleu.score, "signature": f"sacrebleu {sacrebleu.__version__}", **rouge})
cases.append({"hypotheses": ["nothing alike"], "references": [["something else here now"]],
              "bleu": sacrebleu.corpus_bleu(["nothing alike"], [["something else here now"]]).score, "rouge1": 0, "rouge2": 0, "rougeL": 0})

# Nested entities, white space of all kinds, the characters next to the ranges of letters and digits
# that count, and capital letters whose lowercase form is longer or depends on its position.
for hyp, refs in [
    ("a &amp;lt; b &amp;quot; c &amp;amp;gt; d", ["a < b &quot; c &amp;gt; d", "a &lt; b & quot ; c d"]),
    ("x &lt;skipped&gt; <skipped> y &quot;z&quot; well-\nknown-", ["x < skipped > y \"z\" wellknown -"]),
    ("one\x1ctwo\x1dthree\x1efour\x1ffive\x85six\u3000seven\u2028eight \n", ["one two three four five six seven eight"]),
    ("az`a{z/0:9@m[n", ["az a z 0 9 m n", "a z 0 9"]),
    ("a z A Z 0 9 é ß ı", ["z a Z A 9 0 É"]),
    ("İstanbul ve ΟΔΟΣ K.B.", ["i stanbul ve k b", "istanbul ve οδος"]),
    ("zz aa 99 00", ["zz yy aa 99 bb 00"]),
]:
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    bleu = sacrebleu.corpus_bleu([hyp], [[r] for r in refs])
    cases.append({"hypotheses": [hyp], "references": [refs], "bleu": bleu.score, "signature": f"sacrebleu {sacrebleu.__version__}",
                  **{k: s.fmeasure for k, s in scorer.score_multi(refs, hyp).items()}})
json.dump(cases, open("text_metrics.json", "w"), indent=1, ensure_ascii=False)


# SQuAD normalizes answers in this way before comparing them; CoQA leaves each right answer out in turn.
def answer_words(s):
    s = "".join(c for c in s.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", s).split()


def f1(answer, right):
    a, b = answer_words(answer), answer_words(right)
    same = sum((collections.Counter(a) & collections.Counter(b)).values())
    if not a or not b:
        return float(a == b)
    return 0.0 if same == 0 else 2 * same / (len(a) + len(b))


def best(answer, right):
    return max(f1(answer, r) for r in right)


answers = []
for answer, right in [
    ("the a–b house", ["b house", "a–b house"]), ("“The” cat’s an’", ["“ ” cat’s ’", "the cat's"]), ("an_the theatre", ["the theatre", "an the theatre"]),
    ("ΟΔΟΣ the", ["οδος", "οδοσ"]), ("İ x", ["i̇ x"]), ("one\x1ctwo a\x1fthree", ["one two three", "one three"]), ("", ["the", "x"]),
    ("~a~ ^the^ $5", ["5", "a 5"]), ("the٣ a3 3a", ["٣ a3", "the٣ 3a"]), ("red blue", ["red", "blue", "red green", "blue red"]), ("a", ["", "b"]),
]:
    left_out = [best(answer, right[:i] + right[i + 1:]) for i in range(len(right))] if len(right) > 1 else [best(answer, right)]
    answers.append({"answer": answer, "right": right, "exact": any(answer_words(answer) == answer_words(r) for r in right),
                    "f1": best(answer, right), "f1_leave_one_out": sum(left_out) / len(left_out)})
json.dump(answers, open("answers.json", "w"), indent=1, ensure_ascii=False)
