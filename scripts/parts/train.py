"""Train the model that the demo ships, export it as ONNX and measure it on pictures it has never seen.

    python -m scripts.parts.train [--data FOLDER]

Needs PyTorch, which neither the demo nor the tests need. Fixed seeds, one thread; about ten minutes.
Writes parts.onnx, labels.txt and metrics.json beside this file. The measured model is the ONNX file,
run by ONNX Runtime, not the network in memory.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from scripts.parts.dataset import INPUT_HEIGHT, INPUT_WIDTH, confusion, small_set, to_tensor
from scripts.parts.draw import LABELS, SPLIT_SEEDS, Split, faults
from scripts.parts.network_file import Convolution, build_onnx
from scripts.parts.scene import HEIGHT, WIDTH, Image

HERE = Path(__file__).resolve().parent
SEED = 20
EPOCHS = 32
BATCH = 32
LEARNING_RATE = 3e-3
COUNTS: dict[Split, int] = {"train": 3000, "validation": 400, "heldout": 1000}
FIRST = 200  # the held-out pictures that the tests draw again
FIRST_CHANNELS = (3, 16, 32)
CHANNELS = ((32, 64, 2), (64, 64, 1), (64, 96, 1))
GRID = (INPUT_HEIGHT // 8, INPUT_WIDTH // 8)
"""Rows and columns of the last feature map."""

FAULTS = ("scratched", "piece-missing")
FAULT_WEIGHT = 10.0  # nearly all cells of the grid are without a fault

Labelled = tuple[Image, npt.NDArray[np.int64]]
Floats = npt.NDArray[np.float32]


def network() -> nn.Sequential:
    """(n, 3, 96, 128) to (n, classes) logits: two convolutions, three depthwise-separable blocks, the maximum
    over the picture (a fault is in one place), a linear layer.
    """
    blocks = [_block(inner, outer, stride=2) for inner, outer in pairwise(FIRST_CHANNELS)]
    for inner, outer, stride in CHANNELS:
        blocks += [_block(inner, inner, stride=stride, groups=inner), _block(inner, outer, size=1)]
    pool = nn.Sequential(nn.MaxPool2d(GRID), nn.Flatten())
    return nn.Sequential(nn.Sequential(*blocks), pool, nn.Linear(CHANNELS[-1][1], len(LABELS)))


def _block(inner: int, outer: int, *, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inner, outer, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.ReLU())


def fault_map(split: Split, index: int) -> Floats:
    """(2, rows, columns): 1 where a picture shows a scratch, and where a piece is missing."""
    cells = np.zeros((len(FAULTS), *GRID), np.float32)
    for condition, x, y in faults(split, index):
        cells[FAULTS.index(condition), int(y * GRID[0] / HEIGHT), int(x * GRID[1] / WIDTH)] = 1
    return cells


def train(data: Labelled, check: Labelled) -> nn.Sequential:
    """Train with a one-cycle schedule; prints the loss and the validation accuracy of each epoch.

    The drawing script knows where each fault is. In training only, a second output has to find the
    places, so that the network learns to look there rather than to remember pictures.
    """
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.set_num_threads(1)  # sums in one order; and beside other work two threads wait for each other
    rng = np.random.default_rng(SEED)
    net = network().to(memory_format=torch.channels_last)  # half as long on a CPU
    finder = nn.Conv2d(CHANNELS[-1][1], len(FAULTS), 1)
    parameters = [*net.parameters(), *finder.parameters()]
    maps = np.stack([fault_map("train", index) for index in range(len(data[1]))])
    steps = len(data[1]) // BATCH
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=EPOCHS * steps, pct_start=0.15
    )
    for epoch in range(EPOCHS):
        net.train()
        total = 0.0
        for chosen in rng.permutation(len(data[1]))[: steps * BATCH].reshape(steps, BATCH):
            images, cells = _varied(data[0][chosen], maps[chosen], rng)
            loss = _loss(net, finder, images, cells, torch.from_numpy(data[1][chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        accuracy = _accuracy(net, check)
        print(f"epoch {epoch + 1}: loss {total / steps:.4f}, validation {accuracy:.4f}", flush=True)
    trained: nn.Sequential = net.eval()
    return trained


def _loss(net: nn.Sequential, finder: nn.Conv2d, images: Tensor, cells: Tensor, labels: Tensor) -> Tensor:
    features = net[0](images)
    logits, found = net[2](net[1](features)), finder(features)
    weight = torch.full((1, len(FAULTS), 1, 1), FAULT_WEIGHT)
    places = nn.functional.binary_cross_entropy_with_logits(found, cells, pos_weight=weight)
    loss: Tensor = nn.functional.cross_entropy(logits, labels, label_smoothing=0.02) + 4 * places
    return loss


def _varied(images: Image, maps: Floats, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirrored and more or less bright: the labels do not change."""
    tensors = to_tensor(images)
    for axis in (2, 3):
        mirrored = rng.random(len(tensors)) < 0.5
        tensors[mirrored] = np.flip(tensors[mirrored], axis)
        maps[mirrored] = np.flip(maps[mirrored], axis)
    gain = rng.uniform(0.8, 1.2, (len(tensors), 1, 1, 1)).astype(np.float32)
    bright = torch.from_numpy(np.minimum(tensors * gain, 1))
    return bright.contiguous(memory_format=torch.channels_last), torch.from_numpy(maps)


def _accuracy(net: nn.Sequential, data: Labelled) -> float:
    net.eval()
    with torch.no_grad():
        found = [net(torch.from_numpy(to_tensor(part))).argmax(1) for part in np.array_split(data[0], 20)]
    return float((torch.cat(found).numpy() == data[1]).mean())


def export(net: nn.Sequential) -> bytes:
    """The network as an ONNX file, batch normalization folded into the convolutions."""
    layers = []
    for block in net[0]:
        convolution, normalization = block[0], block[1]
        fused = torch.nn.utils.fuse_conv_bn_eval(convolution, normalization)
        layers.append(
            Convolution(
                weight=fused.weight.detach().numpy(),
                bias=fused.bias.detach().numpy(),
                stride=convolution.stride[0],
                groups=convolution.groups,
            )
        )
    head = net[2]
    return build_onnx(
        layers,
        head.weight.detach().numpy(),
        head.bias.detach().numpy(),
        (3, INPUT_HEIGHT, INPUT_WIDTH),
        GRID,
    )


def predict(model: bytes, images: Image) -> npt.NDArray[np.int64]:
    """The class numbers that the ONNX file gives, picture by picture."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    tensors = to_tensor(images)
    return np.array(
        [session.run(None, {"image": tensors[i : i + 1]})[0].argmax() for i in range(len(tensors))]
    )


def measure(model: bytes, heldout: Labelled) -> dict[str, Any]:
    """What metrics.json says of the ONNX file."""
    images, truth = heldout
    found = predict(model, images)
    parameters = sum(int(np.prod(one.dims)) for one in onnx.load_from_string(model).graph.initializer)
    return {
        "seed": SEED,
        "trained_on": COUNTS["train"],
        "epochs": EPOCHS,
        "parameters": parameters,
        "labels": list(LABELS),
        "heldout": {
            "split_seed": SPLIT_SEEDS["heldout"],
            "count": len(truth),
            "accuracy": round(float((found == truth).mean()), 4),
            "confusion": confusion(truth, found).tolist(),
        },
        "heldout_first": {"count": FIRST, "correct": int((found[:FIRST] == truth[:FIRST]).sum())},
    }


def _data(folder: Path | None, split: Split) -> Labelled:
    """Draw a split, or take it from `folder` where an earlier run left it."""
    kept = folder / f"{split}.npz" if folder else None
    if kept and kept.is_file():
        with np.load(kept) as arrays:
            return arrays["images"], arrays["labels"]
    images, labels = small_set(split, COUNTS[split], workers=2)
    if kept:
        np.savez(kept, images=images, labels=labels)
    return images, labels


def main() -> None:
    """Draw, train, export, measure, write."""
    parser = argparse.ArgumentParser(description="Train the model that the demo ships.")
    parser.add_argument("--data", type=Path, help="keep the drawn pictures in this folder for the next run")
    folder = parser.parse_args().data
    net = train(_data(folder, "train"), _data(folder, "validation"))
    model = export(net)
    metrics = measure(model, _data(folder, "heldout"))
    (HERE / "parts.onnx").write_bytes(model)
    (HERE / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    (HERE / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
