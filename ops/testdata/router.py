"""Makes router.json for route_test.go: router logits without ties, and the losses and gradients that transformers computes from them.

Run: python router.py (made with the versions in the file)
"""
import json
import pathlib
import platform

import torch
import transformers
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func as mixtral
from transformers.models.switch_transformers.modeling_switch_transformers import load_balancing_loss_func as switch
from transformers.models.switch_transformers.modeling_switch_transformers import router_z_loss_func

torch.manual_seed(1)
LAYERS, ROWS, EXPERTS = 3, 7, 5
logits = [(torch.randn(ROWS, EXPERTS) * 2).requires_grad_() for _ in range(LAYERS)]


def result(loss):
    return {"loss": loss.item(), "gradients": [g.flatten().tolist() for g in torch.autograd.grad(loss, logits)]}


# For Switch, the logits of all layers are concatenated into one group, as its model does.
joined = torch.cat(logits).unsqueeze(0)
probs = joined.softmax(-1)
out = {
    "versions": {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__},
    "experts": EXPERTS,
    "logits": [x.flatten().tolist() for x in logits],
    "mixtral": {k: result(mixtral(tuple(logits), EXPERTS, k)) for k in (1, 2, 5)},
    "switch": result(switch(probs, probs.argmax(-1))),
    "z": result(router_z_loss_func(joined)),
}
pathlib.Path(__file__).with_name("router.json").write_text(json.dumps(out) + "\n")
