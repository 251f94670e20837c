"""The damage that each group's loss does to the outputs: measured at some counts, the rest from the errors.

At each count the channels that least squares can do without are gone, and the weights of the group's
consumers make up for them; the difference at the outputs is measured on a few samples. Between those
counts the damage follows the errors of the elimination.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.budget import Curve
from edgeinfer_converters.prune.elimination import Elimination, Indices
from edgeinfer_converters.prune.importance import Reader, damped_gram_of
from edgeinfer_converters.prune.moments import Floats
from edgeinfer_converters.prune.probe import Probe
from edgeinfer_converters.quantize.columns import from_rows
from edgeinfer_converters.quantize.hessian import Gram

PARTS = (0.1, 0.3, 0.7)
"""Of a group's channels, removed for a measurement."""


def measure_curve(
    view: GraphView,
    probe: Probe,
    readers: Sequence[Reader],
    grams: Mapping[str, Gram],
    ranking: Elimination,
) -> Curve:
    """The curve of one group; the probe's samples wait before its first reader."""
    channels = len(ranking.order)
    counts = sorted({max(1, round(part * channels)) for part in PARTS})
    measured = []
    for count in counts:
        gone = np.sort(ranking.order[:count])
        changed: dict[str, onnx.TensorProto] = {}
        for reader in readers:
            changed |= without(view, reader, grams, gone)
        measured.append(probe.noise(changed))
    return Curve(_between(ranking.errors, counts, measured), ranking.least)


def without(
    view: GraphView, reader: Reader, grams: Mapping[str, Gram], gone: Indices
) -> dict[str, onnx.TensorProto]:
    """A reader's constants that ignore the channels `gone`, by name: the other weights and the bias make
    up for them."""
    matrices = damped_gram_of(reader, grams)
    weights = np.stack(
        [
            _refitted(matrix, old, columns[gone].reshape(-1))
            for matrix, old, columns in zip(matrices, reader.weights, reader.columns, strict=True)
        ]
    )
    name = reader.node.input[1]
    rows = from_rows(reader.node, reader.make.restore(weights), view.shapes[name])
    changed = {name: numpy_helper.from_array(np.ascontiguousarray(rows, np.float32), name)}
    if reader.biased:
        means = grams[reader.node.name].means
        shift = np.einsum("mow,mw->mo", reader.weights - weights, means)
        shift = shift.reshape(reader.make.groups, reader.make.blocks, -1).sum(axis=1)
        bias = reader.node.input[2]
        old = view.constant(bias)
        new = (old + shift.reshape(old.shape)).astype(np.float32)
        changed[bias] = numpy_helper.from_array(new, bias)
    return changed


def _refitted(gram: Floats, weights: Floats, gone: Indices) -> Floats:
    kept = np.setdiff1d(np.arange(gram.shape[0]), gone)
    found = np.zeros_like(weights)
    if not len(kept):
        return found
    found[:, kept] = np.linalg.solve(gram[np.ix_(kept, kept)], gram[kept] @ weights.T).T
    return found


def _between(errors: Floats, counts: Sequence[int], measured: Sequence[float]) -> Floats:
    """Damages of every count: the errors, times what the measurements are of them nearby."""
    factors = [
        np.log(max(noise, 1e-12) / max(errors[count], 1e-12))
        for count, noise in zip(counts, measured, strict=True)
    ]
    scale = np.exp(np.interp(np.arange(len(errors)), counts, factors))
    damages = np.maximum.accumulate(errors * scale)
    damages[0] = 0
    return np.asarray(damages, np.float64)
