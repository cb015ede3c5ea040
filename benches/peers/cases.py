"""What is compared: the cases, who runs them, and the bars that the figures are held against."""

import json
import math
import os
import re
import subprocess

import functions

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "target")
PYTHON = os.path.join(HERE, ".venv", "bin", "python")

# glibc returns large blocks to the system and pays page faults for them again; this keeps them.
KEPT = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}


def rust(name, *arguments):
    return [os.path.join(TARGET, "release", f"peer-{name}"), *arguments]


# Name: command and environment.
PROGRAMS = {
    "ours": (rust("wengert"), {}),
    "ours, accurate": (rust("wengert", "accurate"), {}),
    "PyTorch": ([PYTHON, os.path.join(HERE, "torch_peer.py")], KEPT),
    "PyTorch as installed": ([PYTHON, os.path.join(HERE, "torch_peer.py")], {}),
    "ONNX Runtime": ([PYTHON, os.path.join(HERE, "onnxruntime_peer.py")], KEPT),
    "burn": (rust("burn"), {}),
    "candle": (rust("candle"), {}),
    "dfdx": (rust("dfdx"), {}),
    "gemm": (rust("gemm"), {}),
}

TORCH = ["PyTorch", "PyTorch as installed"]
RUST = ["burn", "candle"]


def random_shapes(count, seed):
    """Geometries that nobody chose, as our program prints them: those of the lab for the same seed."""
    command = [*PROGRAMS["ours"][0], "random", str(count), str(seed)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in lines.splitlines()]


def cases(full, random=()):
    """(id, the case as the programs read it, the programs, the numbers of threads).

    random: shapes of convolutions beside those of shapes.json
    """
    with open(os.path.join(HERE, "shapes.json")) as file:
        shapes = json.load(file)
    both, one = (1, 2), (1,)
    others = RUST if full else []
    for number in ("f32", "f64"):
        for shape in shapes["conv2d"]:
            for op in ("forward", "input_gradient", "weight_gradient"):
                case = {"kind": "conv", "op": op, "number": number, **shape}
                programs = ["ours", *TORCH]
                if number == "f32":
                    programs += ["ours, accurate", *others]
                    programs += ["ONNX Runtime"] if op == "forward" else []
                yield f"conv/{number}/{op}/{shape['id']}", case, programs, both
    steps = (("mlp", 16), ("fashion", 64), ("resnet20", 32), ("vgg16", 2))
    for model, batch in steps:
        case = {"kind": "step", "model": model, "batch": batch}
        programs = ["ours", *TORCH, *(RUST if full or model != "vgg16" else [])]
        yield f"step/{model}", case, programs, one if model == "mlp" else both
    # Whole networks of torchvision, 224 × 224 pixels.
    networks = (
        ("resnet18", 4),
        ("resnet50", 4),
        ("mobilenet_v2", 8),
        ("densenet121", 8),
        ("efficientnet_b0", 8),
    )
    for model, batch in networks:
        for kind in ("step", "forward"):
            case = {"kind": kind, "model": model, "batch": batch}
            yield f"network/{kind}/{model}", case, ["ours", *TORCH], both
    # Ours records the step once and replays it.
    case = {"kind": "step", "model": "mlp_replayed", "batch": 16}
    yield "step/mlp_replayed", case, ["ours", *TORCH, "candle"], one
    for number in ("f32", "f64"):
        for n in shapes["matmul"]:
            case = {"kind": "matmul", "number": number, "n": n}
            programs = ["ours", "PyTorch", "gemm", *others, *(["dfdx"] if full else [])]
            yield f"matmul/{number}/{n}", case, programs, both
    for n in shapes["elementwise"]:
        for op in ("add", "relu", "exp", "tanh", "sum_last", "sum_first", "broadcast_add"):
            case = {"kind": "elementwise", "op": op, "n": n}
            yield f"elementwise/{op}/{n >> 20}M", case, ["ours", *TORCH, *others], one
    for op in ("transpose", "softmax", "max_pool", "max_pool_backward", "batch_norm"):
        yield f"layer/{op}", {"kind": "layer", "op": op}, ["ours", *TORCH, *others], one
    for op in ("forward", "backward"):
        programs = ["ours", "dfdx", "PyTorch", *RUST]
        yield f"chain/{op}", {"kind": "chain", "op": op}, programs, one
    for model, batch in (("fashion", 64), ("resnet20", 32)):
        case = {"kind": "memory", "model": model, "batch": batch, "calls": 20}
        yield f"memory/{model}", case, ["ours", *TORCH, *RUST], one
    for name, case in functions.cases():
        yield name, case, ["ours", "PyTorch"], both if full else one
    for shape in random:
        for op in ("forward", "input_gradient", "weight_gradient"):
            case = {"kind": "conv", "op": op, "number": "f32", **shape}
            programs = ["ours", "PyTorch", *(["ONNX Runtime"] if op == "forward" else [])]
            yield f"random/f32/{op}/{shape['id']}", case, programs, both


def geometric_mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


class Bar:
    """A figure over some cases, and what it has to reach with one thread and with two."""

    def __init__(self, name, pattern, peer, figure, one, two=None, of="ours"):
        self.name, self.peer, self.of = name, peer, of
        self.pattern, self.figure = re.compile(pattern), figure
        self.needed = {1: one, 2: two}


MEAN, WORST = geometric_mean, min

BARS = [
    Bar("convolutions, three directions", "^conv/f32", "PyTorch", MEAN, 1.6, 1.6),
    Bar("convolutions, three directions", "^conv/f32", "PyTorch as installed", MEAN, 2.2, 2.2),
    Bar("convolutions, accurate kernels", "^conv/f32", "PyTorch", MEAN, 1.15, 1.15, "ours, accurate"),
    Bar("convolutions, worst", "^conv/f32", "PyTorch", WORST, 0.9, 0.85),
    Bar("convolutions in f64", "^conv/f64", "PyTorch", MEAN, 1.8, 1.8),
    Bar("random convolutions", "^random/f32", "PyTorch", MEAN, 1.5, 1.5),
    Bar("random convolutions, worst", "^random/f32", "PyTorch", WORST, 0.8, 0.75),
    Bar("convolutions, forward", "^conv/f32/forward", "ONNX Runtime", MEAN, 1.3, 1.3),
    Bar("convolutions, forward, accurate", "^conv/f32/forward", "ONNX Runtime", MEAN, 1.0, 1.0, "ours, accurate"),
    Bar("Fashion CNN step, batch 64", "^step/fashion", "PyTorch", MEAN, 1.6, 1.6),
    Bar("ResNet-20 step, batch 32", "^step/resnet20", "PyTorch", MEAN, 1.6, 1.6),
    Bar("VGG-16 step, batch 2", "^step/vgg16", "PyTorch", MEAN, 1.3, 1.3),
    Bar("networks of torchvision, step", "^network/step", "PyTorch", MEAN, 1.3, 1.3),
    Bar("networks of torchvision, step, worst", "^network/step", "PyTorch", WORST, 1.3, 1.3),
    Bar("networks of torchvision, evaluation", "^network/forward", "PyTorch", MEAN, 1.2, 1.2),
    Bar("networks of torchvision, evaluation, worst", "^network/forward", "PyTorch", WORST, 1.2, 1.2),
    Bar("MLP 2-16-16-1 step, batch 16", "^step/mlp$", "PyTorch", MEAN, 20),
    Bar("MLP 2-16-16-1 step, batch 16", "^step/mlp$", "candle", MEAN, 1.5),
    Bar("the same, replayed", "^step/mlp_replayed$", "PyTorch", MEAN, 40),
    Bar("matmul 64 … 1024, f32 and f64", "^matmul", "PyTorch", MEAN, 1.0, 1.0),
    Bar("matmul, worst", "^matmul", "PyTorch", WORST, 0.9, 0.9),
    Bar("matmul 64 … 1024, f32 and f64", "^matmul", "gemm", MEAN, 1.0, 1.0),
    Bar("matmul, worst", "^matmul", "gemm", WORST, 0.9, 0.9),
    Bar("elementwise, softmax, norm, pooling", "^(elementwise|layer)", "PyTorch", MEAN, 1.5),
    Bar("elementwise, softmax, norm, pooling, worst", "^(elementwise|layer)", "PyTorch", WORST, 0.9),
    Bar("every function, forward and backward", "^function", "PyTorch", MEAN, 1.2, 1.2),
    Bar("every function, forward and backward, worst", "^function", "PyTorch", WORST, 0.8, 0.8),
    Bar("tape: 1000 × (y·1.01 + 0.5), forward", "^chain/forward", "dfdx", MEAN, 1.0),
    Bar("tape: the same, backward", "^chain/backward", "dfdx", MEAN, 1.0),
    Bar("peak memory, Fashion CNN, 20 steps", "^memory/fashion", "burn", MEAN, 1.0),
    Bar("peak memory, ResNet-20, 20 steps", "^memory/resnet20", "burn", MEAN, 1.0),
]
