"""Records what sacrebleu 2.x and rouge-score give for texts made here, in text_metrics.json:

    python text_metrics.py    # pip install sacrebleu rouge-score
"""
import json
import random

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
json.dump(cases, open("text_metrics.json", "w"), indent=1, ensure_ascii=False)
