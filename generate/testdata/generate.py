"""Records in transformers.json what transformers' generate returns for the models of
models/testdata: greedy continuations, with and without penalties, and beam searches.

Run: python generate.py (made with the versions in the file)
"""
import json
import pathlib

import torch
import transformers

HERE = pathlib.Path(__file__).parent
MODELS = HERE.parent.parent / "models" / "testdata"
PROMPTS = [[5], [1, 2, 3], [7, 7, 0, 16, 4, 9]]
GREEDY = [{}, {"repetition_penalty": 1.3}, {"no_repeat_ngram_size": 2}]
BEAMS = [
    {"num_beams": 2},
    {"num_beams": 4, "length_penalty": 0.5, "eos_token_id": 3},
    {"num_beams": 4, "length_penalty": 0.6, "eos_token_id": 3},
    {"num_beams": 4, "length_penalty": 2.0, "eos_token_id": 3},
    {"num_beams": 3, "length_penalty": -1.0, "eos_token_id": 9},
    {"num_beams": 3, "length_penalty": 1.0, "eos_token_id": [9, 3], "no_repeat_ngram_size": 2},
]

out = {"torch": torch.__version__, "transformers": transformers.__version__, "cases": []}
for name in ("gpt1-long", "gpt2-long"):
    # In float64, so that rounding does not decide between tokens.
    model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / name).double().eval()
    for settings in GREEDY + BEAMS:
        tokens = 12 if "num_beams" in settings else 60
        for prompt in PROMPTS:
            got = model.generate(
                torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), max_new_tokens=tokens,
                do_sample=False, pad_token_id=0, return_dict_in_generate=True, output_scores=True,
                num_return_sequences=settings.get("num_beams", 1), **settings,
            )
            case = {"model": name, "prompt": prompt, "tokens": tokens, **settings, "ids": [row[len(prompt):].tolist() for row in got.sequences]}
            if "num_beams" in settings:
                case["scores"] = got.sequences_scores.tolist()
            out["cases"].append(case)
(HERE / "transformers.json").write_text("{\n" + ",\n".join(
    f'"{k}": ' + ("[\n" + ",\n".join(map(json.dumps, v)) + "\n]" if k == "cases" else json.dumps(v)) for k, v in out.items()) + "\n}\n")
