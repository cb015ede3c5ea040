"""PyTorch on the CPU, eager, NCHW. With the argument `channels_last`, in that format instead."""

import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision

from peer import Absent, convolution, options, serve, threads
from torch_functions import function

torch.set_num_threads(threads())
torch.manual_seed(0)
FORMAT = torch.channels_last if "channels_last" in sys.argv else torch.contiguous_format


def number(case):
    return torch.float64 if case.get("number") == "f64" else torch.float32


def conv(case):
    x, w, dy = (
        (2 * torch.rand(shape, dtype=number(case)) - 1).to(memory_format=FORMAT)
        for shape in convolution(case)
    )
    (stride, padding, dilation), groups = options(case), case["G"]
    if case["op"] == "forward":
        return lambda: F.conv2d(x, w, None, stride, padding, dilation, groups)
    masks = {
        "input_gradient": [True, False, False],
        "weight_gradient": [False, True, False],
    }
    mask, backward = masks[case["op"]], torch.ops.aten.convolution_backward
    rest = (None, stride, padding, dilation, False, [0, 0], groups, mask)
    return lambda: backward(dy, x, w, *rest)


class Block(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != filters:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, filters, 1, stride, 0, bias=False), nn.BatchNorm2d(filters)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class GlobalMean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


def fashion():
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 1024),
        nn.ReLU(),
        nn.Linear(1024, 10),
    )


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for filters, first in ((16, 1), (32, 2), (64, 2)):
        for stride in (first, 1, 1):
            layers.append(Block(inputs, filters, stride))
            inputs = filters
    return nn.Sequential(*layers, GlobalMean(), nn.Linear(64, 10))


def vgg16():
    layers, inputs = [], 3
    for count, width in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    dense = [nn.Linear(25088, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), *dense, nn.Linear(4096, 1000))


def mlp():
    return nn.Sequential(
        nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    )


def step(case):
    name, batch = case["model"].removesuffix("_replayed"), case["batch"]
    models = {
        "mlp": (mlp, (batch, 2), 0),
        "fashion": (fashion, (batch, 1, 28, 28), 10),
        "resnet20": (resnet20, (batch, 3, 32, 32), 10),
        "vgg16": (vgg16, (batch, 3, 224, 224), 1000),
    }
    # The others are torchvision's.
    network = (lambda: getattr(torchvision.models, name)(weights=None), (batch, 3, 224, 224), 1000)
    make, shape, classes = models.get(name, network)
    model, x = make(), torch.rand(shape)
    if classes:
        model, x = model.to(memory_format=FORMAT), x.to(memory_format=FORMAT)
        target, loss = torch.arange(batch) * 7 % classes, F.cross_entropy
    else:
        target, loss = torch.rand(batch, 1), F.mse_loss
    if case["kind"] == "forward":
        model.eval()
        return lambda: model(x)
    parameters = model.parameters()
    optimizers = {
        "mlp": lambda: torch.optim.SGD(parameters, lr=0.05),
        "fashion": lambda: torch.optim.Adam(parameters, lr=1e-3),
        "resnet20": lambda: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-4),
        "vgg16": lambda: torch.optim.SGD(parameters, lr=1e-3),
    }
    network = lambda: torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=1e-4)
    optimizer = optimizers.get(name, network)()

    def work():
        optimizer.zero_grad(set_to_none=True)
        loss(model(x), target).backward()
        optimizer.step()

    return work


def matmul(case):
    a, b = (torch.rand(case["n"], case["n"], dtype=number(case)) for _ in range(2))
    return lambda: a @ b


def elementwise(case):
    n = case["n"]
    x, y = torch.rand(n), torch.rand(n)
    rows, images = x.view(1024, -1), x.view(-1, 64, 32, 32)
    shift = torch.rand(1, 64, 1, 1)
    return {
        "add": lambda: x + y,
        "relu": lambda: torch.relu(x),
        "exp": lambda: torch.exp(x),
        "tanh": lambda: torch.tanh(x),
        "sum_last": lambda: rows.sum(1),
        "sum_first": lambda: rows.sum(0),
        "broadcast_add": lambda: images + shift,
    }[case["op"]]


def reversed_part(forward, gradient):
    """The backward pass alone of a fresh forward pass."""

    def work():
        y = forward()
        start = time.perf_counter_ns()
        y.backward(gradient)
        return time.perf_counter_ns() - start

    return work


def layer(case):
    op = case["op"]
    if op == "transpose":
        x = torch.rand(2048, 2048)
        return lambda: x.t().contiguous()
    if op == "softmax":
        x = torch.randn(4096, 1000)
        return lambda: torch.softmax(x, 1)
    if op == "max_pool":
        x = torch.randn(64, 32, 28, 28)
        return lambda: F.max_pool2d(x, 2)
    if op == "max_pool_backward":
        x = torch.randn(64, 32, 28, 28, requires_grad=True)

        def forward():
            x.grad = None
            return F.max_pool2d(x, 2)

        return reversed_part(forward, torch.ones(64, 32, 14, 14))
    norm, dy = nn.BatchNorm2d(64), torch.randn(32, 64, 32, 32)
    x = torch.randn(32, 64, 32, 32, requires_grad=True)

    def work():
        x.grad = None
        norm.zero_grad(set_to_none=True)
        norm(x).backward(dy)

    return work


def chain(case):
    x = torch.tensor([0.3], requires_grad=True)

    def forward():
        x.grad = None
        y = x
        for _ in range(1000):
            y = y * 1.01 + 0.5
        return y

    if case["op"] == "forward":
        return lambda: (forward(), None)[1]
    return reversed_part(forward, None)


KINDS = {
    "function": lambda case: function(case, number(case)),
    "conv": conv,
    "step": step,
    "forward": step,
    "memory": step,
    "matmul": matmul,
    "elementwise": elementwise,
    "layer": layer,
    "chain": chain,
}
TRACKED = ("step", "memory", "chain")


def prepare(case):
    kind = case["kind"]
    if kind not in KINDS:
        raise Absent(f"no {kind}")
    tracked = kind in TRACKED or case.get("op") in ("max_pool_backward", "batch_norm")
    torch.set_grad_enabled(tracked)
    return KINDS[kind](case)


if __name__ == "__main__":
    serve(prepare)
