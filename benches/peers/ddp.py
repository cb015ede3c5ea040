"""Training steps of PyTorch's DistributedDataParallel with gloo: 2 processes with 1 thread each.

    python ddp.py resnet20 --batch 128 --steps 40

Beside `mpirun -n 2 training_step resnet20 --batch 128 --shards 2 --threads 1`, an example of the package wengert-mpi: the
same model, global batch and update rule.
"""

import argparse
import os
import statistics
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel

WARM_UP = 5


def work(rank, args):
    import torch_peer

    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(args.port))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dist.init_process_group("gloo", rank=rank, world_size=args.processes)
    make, shape = {
        "resnet20": (torch_peer.resnet20, (3, 32, 32)),
        "fashion": (torch_peer.fashion, (1, 28, 28)),
    }[args.model]
    model = DistributedDataParallel(make())
    optimizer = {
        "resnet20": lambda: torch.optim.SGD(
            model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4
        ),
        "fashion": lambda: torch.optim.Adam(model.parameters(), lr=1e-3),
    }[args.model]()
    x = torch.rand(args.batch // args.processes, *shape)
    target = torch.arange(len(x)) % 10
    times = []
    for _ in range(WARM_UP + args.steps):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), target).backward()
        optimizer.step()
        times.append(1e3 * (time.perf_counter() - start))
    times = times[WARM_UP:]
    if rank == 0:
        print(
            f"{args.model} batch {args.batch} processes {args.processes} threads 1: median "
            f"{statistics.median(times):.2f} ms, least {min(times):.2f} ms"
        )
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=["resnet20", "fashion"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--port", type=int, default=29511)
    args = parser.parse_args()
    mp.spawn(work, (args,), args.processes)
