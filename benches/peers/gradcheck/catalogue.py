"""Right functions that are hard to check, and wrong gradients, each a pair of functions of numpy arrays in f64.

    cargo run --release -- --compare PYTHON catalogue.py     our checker and the crate gradcheck
    PYTHON catalogue.py --compare                            torch.autograd.gradcheck and jax.test_util.check_grads

The first form reads the list by the protocol of src/peer.rs, so all checkers judge the same pairs.
"""

import json
import sys

import numpy

CASES = []


def case(name, wrong, function, vjp, *inputs):
    inputs = [numpy.asarray(x, dtype=numpy.float64) for x in inputs]
    CASES.append((name, wrong, function, vjp, inputs))


def elementwise(name, function, slope, x):
    """A right function of one argument."""
    case(name, False, function, lambda c, x: [c * slope(x)], x)


# Right, but hard: near a kink, of many periods, of huge or tiny values, cancelling.
elementwise("relu beside its kink", lambda x: numpy.maximum(x, 0), lambda x: (x > 0) * 1.0, [5e-7, -2e-7, 1.0])
elementwise("abs beside its kink", numpy.abs, numpy.sign, [3e-7, -2.0])
elementwise("clamp beside its kink", lambda x: numpy.clip(x, -1, 1), lambda x: (abs(x) < 1) * 1.0, [1 - 1e-7, 0.3])
elementwise("tanh(1e3 x)", lambda x: numpy.tanh(1e3 * x), lambda x: 1e3 / numpy.cosh(1e3 * x) ** 2, [1e-4, 2e-4])
elementwise("sin(1e4 x)", lambda x: numpy.sin(1e4 * x), lambda x: 1e4 * numpy.cos(1e4 * x), [0.3, 0.7])
elementwise("sin(1e6 x)", lambda x: numpy.sin(1e6 * x), lambda x: 1e6 * numpy.cos(1e6 * x), [0.3, 0.7])
elementwise("ln at 1e-3", numpy.log, lambda x: 1 / x, [1e-3, 2.0])
elementwise("ln at 1e-8", numpy.log, lambda x: 1 / x, [1e-8, 2.0])
elementwise("sqrt at 1e-7", numpy.sqrt, lambda x: 0.5 / numpy.sqrt(x), [1e-7, 2.0])
elementwise("1/x at 1e-4", lambda x: 1 / x, lambda x: -1 / x**2, [1e-4, 2.0])
elementwise("acos near 1", numpy.arccos, lambda x: -1 / numpy.sqrt(1 - x * x), [1 - 1e-6, 0.2])
elementwise("(x + 1e8) - 1e8", lambda x: (x + 1e8) - 1e8, numpy.ones_like, [0.7, -1.3])
elementwise("(x + 1e12) - 1e12", lambda x: (x + 1e12) - 1e12, numpy.ones_like, [0.7, -1.3])
elementwise("exp at 90", numpy.exp, numpy.exp, [90.0, 1.0])
elementwise("exp at 500", numpy.exp, numpy.exp, [500.0, 1.0])
elementwise("x**2 at 1e6", lambda x: x * x, lambda x: 2 * x, [1e6, 3e6])
elementwise("x**3 at 1e-5", lambda x: x**3, lambda x: 3 * x * x, [1e-5, 3e-5])
elementwise("1e-12 sin x", lambda x: 1e-12 * numpy.sin(x), lambda x: 1e-12 * numpy.cos(x), [0.3, 1.0])
elementwise("1e200 sin x", lambda x: 1e200 * numpy.sin(x), lambda x: 1e200 * numpy.cos(x), [0.3, 1.0])
elementwise("x + 1e10", lambda x: x + 1e10, numpy.ones_like, [0.3, 1.0])


# Wrong: a product of a matrix with a vector, whose gradient is spoiled.
MATRIX = numpy.sin(0.7 * numpy.arange(12)).reshape(3, 4)
VECTOR = [0.3, -1.2, 0.8, 2.0]


def product(a, v):
    return a @ v


def product_vjp(c, a, v):
    return [numpy.outer(c, v), a.T @ c]


def spoiled(name, spoil, slot, unit=1.0):
    def vjp(c, a, v):
        gradients = [unit * g for g in product_vjp(c, a, v)]
        gradients[slot] = spoil(gradients[slot], c).reshape(gradients[slot].shape)
        return gradients

    case(name, True, lambda a, v: unit * product(a, v), vjp, MATRIX, VECTOR)


def entry(g, error):
    g = g.copy()
    g.flat[2] += error * numpy.abs(g).max()
    return g


for slot in (0, 1):
    at = f"of input {slot}"
    spoiled(f"doubled {at}", lambda g, c: 2 * g, slot)
    spoiled(f"wrong sign {at}", lambda g, c: -g, slot)
    spoiled(f"divided by 3 {at}", lambda g, c: g / 3, slot)
    spoiled(f"1e-4 too large {at}", lambda g, c: g * (1 + 1e-4), slot)
    spoiled(f"1e-6 too large {at}", lambda g, c: g * (1 + 1e-6), slot)
    spoiled(f"missing {at}", lambda g, c: 0 * g, slot)
    spoiled(f"reversed {at}", lambda g, c: g.ravel()[::-1], slot)
    spoiled(f"shifted {at}", lambda g, c: numpy.roll(g.ravel(), 1), slot)
    spoiled(f"one entry wrong by 1e-3 {at}", lambda g, c: entry(g, 1e-3), slot)
    spoiled(f"one entry wrong by 1e-6 {at}", lambda g, c: entry(g, 1e-6), slot)
    spoiled(f"rounded to f32 {at}", lambda g, c: g.astype(numpy.float32).astype(numpy.float64), slot)
    spoiled(f"times the cotangent {at}", lambda g, c: g * c[0], slot)
    spoiled(f"clipped at 0.5 {at}", lambda g, c: numpy.clip(g, -0.5, 0.5), slot)
    spoiled(f"clipped at 5 {at}", lambda g, c: numpy.clip(g, -5, 5), slot)
    spoiled(f"1e-3 dropped {at}", lambda g, c: g * (numpy.abs(g) > 1e-3), slot)
    spoiled(f"NaN for a zero cotangent {at}", lambda g, c: g * (c[0] / c[0]), slot)
    spoiled(f"doubled, in units of 1e-8 {at}", lambda g, c: 2 * g, slot, 1e-8)
    spoiled(f"doubled, in units of 1e-16 {at}", lambda g, c: 2 * g, slot, 1e-16)
    spoiled(f"wrong sign, in units of 1e-12 {at}", lambda g, c: -g, slot, 1e-12)

MANY = numpy.sin(0.37 * numpy.arange(8000))
for error in (1.0, 1e-2, 1e-5):

    def one_of_many(c, x, error=error):
        g = c * numpy.exp(x)
        g[1234] *= 1 + error
        return [g]

    # One output, so that the slow mode of PyTorch takes seconds, not minutes.
    case(f"one entry of 8000 wrong by {error:g}", True, lambda x: numpy.exp(x).sum(), one_of_many, MANY)


def seven_at_zero(c, x):
    return [c * numpy.where(x > 0, 1.0, numpy.where(x < 0, 0.0, 7.0))]


case("relu with slope 7 at 0", True, lambda x: numpy.maximum(x, 0), seven_at_zero, [0.0, 0.0])
six = 0.693147
case("2**x with six digits of ln 2", True, numpy.exp2, lambda c, x: [c * six * numpy.exp2(x)], [0.5, 1.5])


def serve():
    """Answers requests; see src/peer.rs."""
    listed = [
        {
            "function": name,
            "wrong": wrong,
            "inputs": [" ".join(["given", *map(str, x.shape)]) for x in inputs],
            "at": [x.ravel().tolist() for x in inputs],
        }
        for name, wrong, _, _, inputs in CASES
    ]
    out = sys.stdout.buffer
    out.write(json.dumps({"number": "f64", "cases": listed}).encode() + b"\n")
    out.flush()
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        _, _, function, vjp, inputs = CASES[request["case"]]
        read = lambda shape: numpy.frombuffer(
            sys.stdin.buffer.read(8 * int(numpy.prod(shape))), dtype="<f8"
        ).reshape(shape)
        x = [read(x.shape) for x in inputs]
        with numpy.errstate(all="ignore"):
            if request["cotangent"] is None:
                arrays = [function(*x)]
            else:
                c = read([request["cotangent"]]).reshape(numpy.shape(function(*x)))
                arrays = vjp(c, *x)
        out.write(json.dumps({"lengths": [int(a.size) for a in arrays]}).encode() + b"\n")
        for a in arrays:
            out.write(numpy.ascontiguousarray(a, dtype="<f8").tobytes())
        out.flush()


def torch_verdict(function, vjp, inputs, fast):
    import torch

    class Pair(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *x):
            ctx.save_for_backward(*x)
            return torch.from_numpy(numpy.array(function(*[x.detach().numpy() for x in x])))

        @staticmethod
        def backward(ctx, c):
            x = [x.detach().numpy() for x in ctx.saved_tensors]
            return tuple(torch.from_numpy(numpy.array(g)) for g in vjp(c.numpy(), *x))

    x = [torch.tensor(x, requires_grad=True) for x in inputs]
    try:
        return torch.autograd.gradcheck(Pair.apply, x, fast_mode=fast, raise_exception=False)
    except Exception:
        return False


def jax_verdict(function, vjp, inputs):
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    shaped = lambda a: jax.ShapeDtypeStruct(numpy.shape(a), numpy.float64)
    # JAX cannot differentiate foreign code; both functions are called back.
    output = shaped(function(*inputs))
    call = lambda *x: jax.pure_callback(lambda *x: numpy.asarray(function(*map(numpy.asarray, x))), output, *x)
    pair = jax.custom_vjp(call)
    backward = lambda x, c: jax.pure_callback(
        lambda c, *x: tuple(numpy.asarray(g) for g in vjp(numpy.asarray(c), *map(numpy.asarray, x))),
        tuple(map(shaped, inputs)),
        c,
        *x,
    )
    pair.defvjp(lambda *x: (call(*x), x), backward)
    try:
        check_grads(pair, tuple(inputs), order=1, modes=["rev"])
        return True
    except AssertionError:
        return False


def compare():
    checkers = {
        "torch slow": lambda f, g, x: torch_verdict(f, g, x, False),
        "torch fast": lambda f, g, x: torch_verdict(f, g, x, True),
        "jax": jax_verdict,
    }
    for name, checker in checkers.items():
        missed, alarms, total = [], [], [0, 0]
        try:
            for case, wrong, function, vjp, inputs in CASES:
                with numpy.errstate(all="ignore"):
                    passes = checker(function, vjp, inputs)
                total[wrong] += 1
                if wrong and passes:
                    missed.append(case)
                if not wrong and not passes:
                    alarms.append(case)
        except ImportError as error:
            print(f"{name}: {error}")
            continue
        print(f"{name}: {len(missed)} of {total[1]} wrong gradients pass: {missed}")
        print(f"{name}: {len(alarms)} of {total[0]} right gradients fail: {alarms}", flush=True)


if __name__ == "__main__":
    compare() if "--compare" in sys.argv else serve()
