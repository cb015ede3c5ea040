"""Runs the files of peer-onnx with ONNX Runtime, and compares the results.

    python compare.py DIRECTORY

Every file passes onnx.checker's full check. For each model it prints the largest difference from our result relative to the
largest result, the median and the largest difference in ulps (units in the last place of the result that is compared), and
both programs' largest error against our result in f64, relative to the largest result. Functions get one line together, and
one each where they differ by more than 1e-4.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

LIMIT = 1e-4


def cases(directory):
    for line in (directory / "cases.txt").read_text().splitlines():
        name, *shapes = line.split(" ")
        by_kind = {"in": [], "out": []}
        for shape in shapes:
            kind, extents = shape.split(":")
            by_kind[kind].append([int(n) for n in extents.split("x") if n])
        yield name, by_kind["in"], by_kind["out"]


def numbers(directory, name, kind, shapes, dtype):
    for i, shape in enumerate(shapes):
        yield np.fromfile(directory / f"{name}.{kind}{i}", dtype).reshape(shape)


def largest(x):
    x = np.abs(x[np.isfinite(x)])
    return max(x.max(), 1e-30) if x.size else 1.0


def apart(a, b):
    """The largest difference relative to the largest element of b; equal infinities and NaN are no difference."""
    with np.errstate(invalid="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        difference = np.where(same, 0.0, np.abs(a.astype(np.float64) - b))
    difference = np.where(np.isnan(difference), np.inf, difference)
    return difference.max(initial=0.0) / largest(b)


def ulps(a, b):
    """How many f32 numbers lie between two."""

    def order(x):
        bits = x.view(np.int32).astype(np.int64)
        return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)

    return np.abs(order(np.ascontiguousarray(a)) - order(np.ascontiguousarray(b)))


def run(directory, name, inputs):
    path = directory / f"{name}.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    return session.run(None, {n: x for n, x in zip(names, inputs, strict=True)})


def main():
    directory = Path(sys.argv[1])
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
    print(f"{'model':<18}{'relative':>10}{'ulps median':>13}{'largest':>9}{'ours−f64':>11}{'theirs−f64':>12}")
    functions, failed, worst = 0, 0, 0.0
    for name, inputs, outputs in cases(directory):
        is_function = name.startswith("op_")
        try:
            results = run(directory, name, numbers(directory, name, "in", inputs, np.float32))
        except Exception as error:
            failed += 1
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            continue
        ours = list(numbers(directory, name, "out", outputs, np.float32))
        exact = list(numbers(directory, name, "exact", outputs, np.float64))
        relative = 0.0
        for result, own, true in zip(results, ours, exact, strict=True):
            assert result.shape == own.shape, f"{name}: {result.shape}, expected {own.shape}"
            relative = max(relative, apart(result, own))
            if not is_function:
                steps = ulps(result, own)
                print(
                    f"{name:<18}{relative:>10.1e}{np.median(steps):>13.0f}{steps.max():>9}"
                    f"{apart(own, true):>11.1e}{apart(result, true):>12.1e}"
                )
            elif apart(result, own) > LIMIT:
                failed += 1
                print(f"{name}: {apart(result, own):.1e}; ours {apart(own, true):.1e}, theirs {apart(result, true):.1e}")
        if is_function:
            functions += 1
            worst = max(worst, relative)
    print(f"{functions} files of functions, largest difference {worst:.1e}, {failed} wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
