"""What the Python programs beside the driver share: cases in, times out. See README.md."""

import json
import os
import sys
import time


class Absent(Exception):
    """This program has no such case."""


def threads():
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def resident(field):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return 1024 * int(line.split()[1])
    return None


def pair(value):
    """Values for height and width; one number stands for both."""
    return value if isinstance(value, list) else [value, value]


def options(case):
    """Stride, padding and dilation of a convolution, for height and width."""
    return [pair(case.get(name, 1)) for name in "SPD"]


def convolution(case):
    """Shapes of x, w and y."""
    n, c, h, w, o, g = (case[name] for name in "NCHWOG")
    kernel = pair(case["K"])
    sides = zip((h, w), kernel, *options(case))
    out = [(extent + 2 * p - d * (k - 1) - 1) // s + 1 for extent, k, s, p, d in sides]
    return (n, c, h, w), (o, c // g, *kernel), (n, o, *out)


def serve(prepare):
    """Answers cases until the input ends. `prepare(case)` gives a function that does the work once; it
    may return the nanoseconds of the part that counts, else the whole call counts."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not meet the answers
    known = work = base = None
    for line in sys.stdin:
        case = json.loads(line)
        seconds = case.pop("seconds", 0.1)
        if case != known:
            known = work = None
            base = resident("VmRSS")
            try:
                known, work = case, prepare(case)
            except Absent as why:
                answer = {"none": str(why)}
        if work is not None:
            if case["kind"] == "memory":
                for _ in range(case["calls"]):
                    work()
                answer = {"base": base, "peak": resident("VmHWM"), "calls": case["calls"]}
            else:
                answer = measure(work, seconds)
        print(json.dumps(answer), file=answers, flush=True)
        known = known if work is not None else None


def measure(work, seconds):
    clock = time.perf_counter_ns
    once = lambda start, part: part if isinstance(part, int) else clock() - start
    begin = clock()
    for _ in range(3):
        work()
        if clock() - begin > seconds * 1e9:
            break
    times, begin = [], clock()
    while len(times) < 3 or clock() - begin < seconds * 1e9:
        start = clock()
        times.append(once(start, work()))
    times.sort()
    return {"min": times[0], "median": times[len(times) // 2], "calls": len(times)}
