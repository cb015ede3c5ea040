"""Fashion-MNIST as a whole program in PyTorch: the twin of `wengert train fashion-mnist`.

The network, the update rule, the schedule, the batch, the loss and the changes of the images are those of the command. As
there, reading, shuffling, the changes of the images, the test after the last epoch and the start of the program count.

    python3 fashion_mnist.py [--data DIR] [--epochs N] [--seed N] [--threads N] [--quick-data]

By default batches are made in the usual way, by a `DataLoader` with a `Dataset` that returns an image. With `--quick-data`
a batch is cut out of one tensor at once, which is the fastest that PyTorch can do.
"""

import argparse
import gzip
import math
import pathlib
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


def read(directory, part):
    """Images [n, 1, 28, 28] from 0 to 1, and their classes."""

    def body(name, header):
        path = pathlib.Path(directory) / f"{part}-{name}-ubyte.gz"
        return torch.frombuffer(bytearray(gzip.open(path).read()[header:]), dtype=torch.uint8)

    images = body("images-idx3", 16).reshape(-1, 1, 28, 28)
    return images.float() / 255, body("labels-idx1", 8).long()


class Cnn(nn.Module):
    """`cnn` of the command."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(self.dropout(F.relu(self.fc1(x.flatten(1)))))


class Images(Dataset):
    """An image at a time, flipped left to right with probability 1/2."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
        return image, self.labels[index]


def whole_batches(images, labels, batch):
    """The same batches, cut out of one tensor."""
    for rows in torch.randperm(len(labels)).split(batch):
        x = images[rows]
        flipped = torch.rand(len(rows)) < 0.5
        x[flipped] = x[flipped].flip(-1)
        yield x, labels[rows]


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in zip(images.split(128), labels.split(128)))
    return hits / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick-data", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    images, labels = read(options.data, "train")
    model = Cnn()
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    steps = options.epochs * math.ceil(len(labels) / options.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    loader = DataLoader(Images(images, labels), batch_size=options.batch, shuffle=True)
    start = time.perf_counter()
    for epoch in range(options.epochs):
        began = time.perf_counter()
        model.train()
        total = 0.0
        batches = whole_batches(images, labels, options.batch) if options.quick_data else loader
        for x, y in batches:
            loss = F.cross_entropy(model(x), y, label_smoothing=options.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(y)
        seconds = time.perf_counter() - began
        print(f"epoch {epoch + 1}  loss {total / len(labels):.4f}  {seconds:.1f} s", flush=True)
    seconds = time.perf_counter() - start
    print(f"{seconds / options.epochs:.2f} s per epoch")
    print(f"test accuracy {100 * accuracy(model, *read(options.data, 't10k')):.2f} %")


if __name__ == "__main__":
    main()
