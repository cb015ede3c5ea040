"""The table of functions beside PyTorch: what each is called with, forward and backward.

`functions.json` lists for each function its operands, as a word for their values and their extents. `R` and `C`
stand for rows and columns, which are 256 × 4096 (larger than the second-level cache) or 16 × 256 (4096 numbers). A
function whose operands have other extents is listed with two lists, large and small.
"""

import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = {"large": {"R": 256, "C": 4096}, "small": {"R": 16, "C": 256}}


def read():
    with open(os.path.join(HERE, "functions.json")) as file:
        return json.load(file)


def cases():
    """(id, the case as the programs read it)."""
    for name, operands in read()["functions"].items():
        for size, extents in SIZES.items():
            texts = operands[size] if isinstance(operands, dict) else operands
            resolved = [operand(text, extents) for text in texts]
            for number in ("f32", "f64"):
                for direction in ("forward", "backward"):
                    case = {
                        "kind": "function",
                        "op": name,
                        "number": number,
                        "direction": direction,
                        "operands": resolved,
                    }
                    yield f"function/{number}/{size}/{direction}/{name}", case


def operand(text, extents):
    """`any R C` or `index:100 R`: a word for the values, after a colon their bound, and the extents."""
    values, *shape = text.split()
    values, _, bound = values.partition(":")
    bound = extents.get(bound) or int(bound or 0)
    return {
        "values": values,
        "bound": bound,
        "shape": [extents.get(extent) or int(extent) for extent in shape],
    }


def unlisted():
    """Functions of the project's table that are neither timed nor named as having no counterpart."""
    with open(os.path.join(HERE, "..", "..", "docs", "COVERAGE.md")) as file:
        names = re.findall(r"^\| `([^`]+)` \|", file.read(), re.MULTILINE)
    listed = read()
    known = {*listed["functions"], *listed["without counterpart"]}
    timed_by_others = lambda name: name.startswith(("slope of ", "cotangent of "))
    return sorted(name for name in names if name not in known and not timed_by_others(name))
