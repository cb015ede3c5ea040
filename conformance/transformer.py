"""Writes tests/transformer.json: results and gradients of torch's transformer layers with weights from a hash.

    python transformer.py > tests/transformer.json

Needs torch and numpy. tests/transformer.rs computes the same weights and inputs.
"""

import json
import sys

import torch

from zoo import bounds, draws

WIDTH, HEADS, HIDDEN = 8, 2, 12
BATCH, LENGTH, KEYS = 2, 5, 4


def drawn(name, shape, low, high):
    count = 1
    for extent in shape:
        count *= extent
    values = torch.from_numpy(low + (high - low) * draws(name, count))
    return values.float().double().reshape(shape)


def set_weights(layer):
    for name, parameter in layer.named_parameters():
        parameter.data = drawn(name, tuple(parameter.shape), *bounds(name, tuple(parameter.shape)))


def masks(queries, keys, masked):
    if not masked:
        return None, None
    forbidden = torch.triu(torch.ones(queries, keys, dtype=torch.bool), diagonal=1)
    padding = torch.zeros(BATCH, keys, dtype=torch.bool)
    padding[1, keys - 2 :] = True
    return forbidden, padding


def case(kind, norm_first, activation, masked):
    options = dict(dim_feedforward=HIDDEN, dropout=0.0, activation=activation, norm_first=norm_first)
    options |= dict(batch_first=True, dtype=torch.float64)
    layer = (torch.nn.TransformerEncoderLayer if kind == "encoder" else torch.nn.TransformerDecoderLayer)(
        WIDTH, HEADS, **options
    )
    set_weights(layer)
    x = drawn("input", (BATCH, LENGTH, WIDTH), -1, 1).requires_grad_()
    memory = drawn("memory", (BATCH, KEYS, WIDTH), -1, 1).requires_grad_()
    forbidden, padding = masks(LENGTH, LENGTH, masked)
    if kind == "encoder":
        y = layer(x, src_mask=forbidden, src_key_padding_mask=padding)
    else:
        across, memory_padding = masks(LENGTH, KEYS, masked)
        y = layer(
            x,
            memory,
            tgt_mask=forbidden,
            memory_mask=across,
            tgt_key_padding_mask=padding,
            memory_key_padding_mask=memory_padding,
        )
    (y * drawn("cotangent", tuple(y.shape), -1, 1)).sum().backward()
    sums = {}
    for name, parameter in layer.named_parameters():
        direction = drawn("direction", tuple(parameter.shape), -1, 1)
        sums[name] = (parameter.grad * direction).sum().item()
    result = dict(kind=kind, norm_first=norm_first, activation=activation, masked=masked)
    result["output"] = y.detach().flatten().tolist()
    result["gradient"] = x.grad.flatten().tolist()
    if kind == "decoder":
        result["memory_gradient"] = memory.grad.flatten().tolist()
    # The product of the gradient of each parameter with a fixed direction.
    result["parameters"] = sums
    return result


cases = [
    case(kind, norm_first, activation, masked)
    for kind in ("encoder", "decoder")
    for norm_first, activation, masked in ((False, "relu", False), (True, "gelu", False), (False, "gelu", True), (True, "relu", True))
]
print(f"torch {torch.__version__}", file=sys.stderr)
json.dump(dict(torch=torch.__version__, cases=cases), sys.stdout, indent=None, separators=(",", ":"))
print()
