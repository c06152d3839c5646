"""Makes positions.json for positions_golden_test.go: the frequencies and attention factors that
transformers computes for settings of rope_parameters, and the slopes of BLOOM and MPT.

Run: python positions.py (made with the versions in the file)
"""
import json
import pathlib
import platform

import torch
import transformers
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.mpt.modeling_mpt import build_mpt_alibi_tensor

# The number of columns of a head, and rope_parameters as in config.json.
ROTARY = [
    (16, {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}),
    (80, {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5, "partial_rotary_factor": 0.4}),
    (64, {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
          "truncate": False, "original_max_position_embeddings": 4096}),  # gpt-oss
    (8, {"rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "truncate": False, "original_max_position_embeddings": 4096}),
    (64, {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 2048}),
    (64, {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 40.0, "original_max_position_embeddings": 4096,
          "mscale": 0.707, "mscale_all_dim": 1.0}),  # with DeepSeek-V2's keys
    (64, {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 1.0, "attention_factor": 1.25, "beta_fast": 16.0, "beta_slow": 2.0,
          "original_max_position_embeddings": 256}),
    (64, {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}),  # Llama 3.1
    (128, {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
           "original_max_position_embeddings": 8192}),  # Llama 3.2
]


def config(size, rope):
    return transformers.LlamaConfig(hidden_size=2 * size, num_attention_heads=2, head_dim=size, max_position_embeddings=400,
                                    rope_parameters=rope)


cases = []
for size, rope in ROTARY:
    f, factor = ROPE_INIT_FUNCTIONS[rope["rope_type"]](config(size, dict(rope)), "cpu")
    cases.append({"size": size, "settings": rope, "frequencies": f.tolist(), "factor": factor})
# "dynamic" multiplies the base by (factor·length/400 − (factor − 1))^(D/(D−2)): for 700 positions by 4^(D/(D−2)).
rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}
f, factor = ROPE_INIT_FUNCTIONS["dynamic"](config(64, dict(rope)), "cpu", seq_len=700)
cases.append({"size": 64, "settings": rope | {"rope_type": "ntk"}, "frequencies": f.tolist(), "factor": factor})

slopes = {"bloom": {}, "mpt": {}}
for heads in (1, 2, 3, 6, 8, 12, 16, 17, 25, 112):
    two = torch.ones(1, 2, dtype=torch.long)
    slopes["bloom"][heads] = build_alibi_tensor(two, heads, torch.float32)[:, 0, 1].tolist()
    slopes["mpt"][heads] = (-build_mpt_alibi_tensor(heads, 2)[:, 0, 0]).tolist()

out = {
    "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__},
    "rotary": cases, "slopes": slopes,
}
pathlib.Path(__file__).with_name("positions.json").write_text(json.dumps(out) + "\n")
