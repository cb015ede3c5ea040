"""How long torch.autograd.gradcheck takes, for the convolution that `benches/checks.rs` times.

    .venv/bin/python gradcheck/torch_time.py cargo bench --bench checks -- conv2d

The command, if there is one, runs afterwards, so that both are timed in one run.
"""

import subprocess
import sys
import time

import torch

torch.manual_seed(0)
torch.set_num_threads(2)
x = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
w = torch.randn(4, 3, 3, 3, dtype=torch.float64, requires_grad=True)
convolution = torch.nn.functional.conv2d

for fast_mode in [False, True]:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert torch.autograd.gradcheck(convolution, (x, w), fast_mode=fast_mode)
        seconds.append(time.perf_counter() - start)
    print(f"torch {torch.__version__} gradcheck, fast_mode={fast_mode}: {min(seconds):.4f} s")

if len(sys.argv) > 1:
    sys.exit(subprocess.call(sys.argv[1:]))
