"""Writes tests/zoo.json: logits and input gradients of torchvision's models with weights from a hash.

    python zoo.py > tests/zoo.json

Needs torch, torchvision and numpy. tests/zoo.rs computes the same weights and images.
"""

import json
import math
import sys

import numpy as np
import torch
import torchvision

torch.set_num_threads(2)

CLASSES = 10
BATCH = 2
STRIDE = 499  # every so many elements of the gradient are stored

# name, extent of the images, options
MODELS = [
    ("resnet18", 64, {}),
    ("resnet34", 64, {}),
    ("resnet50", 64, {}),
    ("resnet101", 64, {}),
    ("resnet152", 64, {}),
    ("vgg11", 64, {}),
    ("vgg11_bn", 64, {}),
    ("vgg13", 64, {}),
    ("vgg13_bn", 64, {}),
    ("vgg16", 64, {}),
    ("vgg16_bn", 64, {}),
    ("vgg19", 64, {}),
    ("vgg19_bn", 64, {}),
    ("mobilenet_v2", 64, {}),
    ("densenet121", 64, {}),
    ("squeezenet1_0", 64, {}),
    ("squeezenet1_1", 64, {}),
    ("shufflenet_v2_x1_0", 64, {}),
    ("efficientnet_b0", 64, {}),
    ("vit", 32, dict(image_size=32, patch_size=4, num_layers=6, num_heads=3, hidden_dim=192, mlp_dim=768)),
    ("vit_b_16", 224, {}),
]


def draws(name, count):
    """Numbers in [0, 1): SplitMix64 of the FNV-1a hash of a name and a counter."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bounds(name, shape):
    if name.endswith("running_mean") or name.endswith("bias"):
        return -0.1, 0.1
    if len(shape) == 1:  # scales of norms, running variances
        return 0.5, 1.5
    if len(shape) == 3:  # class token, position embeddings
        return -0.5, 0.5
    bound = math.sqrt(6.0 / math.prod(shape[1:]))
    return -bound, bound


def tensor(name, shape, low, high):
    values = low + (high - low) * draws(name, math.prod(shape))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def build(name, options):
    if name == "vit":
        return torchvision.models.VisionTransformer(num_classes=CLASSES, **options)
    model = torchvision.models.get_model(name, weights=None, num_classes=CLASSES)
    if name.startswith("vgg"):  # the dense layers are nine tenths of the parameters
        narrow = 64
        model.classifier[0] = torch.nn.Linear(512 * 7 * 7, narrow)
        model.classifier[3] = torch.nn.Linear(narrow, narrow)
        model.classifier[6] = torch.nn.Linear(narrow, CLASSES)
    return model


def reference(name, extent, options):
    model = build(name, options)
    with torch.no_grad():
        for path, value in model.state_dict().items():
            if not path.endswith("num_batches_tracked"):
                value.copy_(tensor(path, tuple(value.shape), *bounds(path, value.shape)))
    for layer in model.modules():
        if isinstance(layer, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            layer.p = 0.0
    shape = (BATCH, 3, extent, extent)
    x = tensor("input", shape, -1.0, 1.0)
    with torch.no_grad():
        logits = model.eval()(x).flatten().tolist()
    x = x.double().requires_grad_()
    scores = model.double().train()(x)
    (scores * tensor("cotangent", tuple(scores.shape), -1.0, 1.0).double()).sum().backward()
    gradient = x.grad.flatten()
    along = tensor("direction", (gradient.numel(),), -1.0, 1.0).double()
    return {
        "name": name,
        "input": list(shape),
        "parameters": sum(p.numel() for p in model.parameters()),
        "logits": logits,
        "gradient_norm": gradient.norm().item(),
        "gradient_along": (gradient @ along).item(),
        "gradient": gradient[::STRIDE].tolist(),
    }


def main():
    found = []
    for model in MODELS:
        found.append(json.dumps(reference(*model)))
        print(model[0], file=sys.stderr)
    made = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    print('{"made_by": ' + json.dumps(made) + ', "stride": ' + str(STRIDE) + ', "models": [\n' + ",\n".join(found) + "\n]}")


if __name__ == "__main__":
    main()
