"""Class scores from one output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.labels import check_labels, label_of
from edgeinfer.processing.quantization import Floats, real_output
from edgeinfer.processing.results import Classification, ClassScore
from edgeinfer.processing.spec import ClassificationOutput


@dataclass(frozen=True)
class ClassificationDecoder:
    """Decodes the model's first output: (1, classes), or with further axes of one."""

    spec: ClassificationOutput
    labels: tuple[str, ...]
    output: TensorInfo

    def __post_init__(self) -> None:
        """Raises SettingsError if labels and classes differ in number."""
        classes = 1
        for side in self.output.shape[1:]:
            classes = -1 if -1 in (side, classes) else classes * side
        check_labels(self.labels, classes)

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Classification:
        """Raises ModelError for NaN and infinity."""
        scores = _SCORES[self.spec.decode](real_output(outputs[self.output.name], self.output).ravel())
        best = best_classes(scores, self.spec.top_k, self.spec.threshold)
        return Classification(
            classes=tuple(ClassScore(label=label_of(self.labels, i), score=float(scores[i])) for i in best)
        )


def best_classes(scores: Floats, top_k: int, threshold: float) -> list[int]:
    """The indices of the `top_k` best scores of at least `threshold`, best first, ties in index order.

    A threshold of zero lets everything through: undecoded scores may be negative.
    """
    # A full sort of a thousand scores takes ten times as long as the maximum, which is what most ask for.
    order = [int(scores.argmax())] if top_k == 1 else np.argsort(-scores, kind="stable")[:top_k].tolist()
    return [i for i in order if not threshold or scores[i] >= threshold]


def softmax(logits: Floats) -> Floats:
    """exp(x) / sum(exp(x)), shifted by the maximum so that nothing overflows."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)) by way of tanh, which saturates instead of overflowing."""
    return np.asarray(0.5 * (np.tanh(0.5 * logits) + 1.0), np.float32)


def _as_they_are(scores: Floats) -> Floats:
    return scores


_SCORES = {"none": _as_they_are, "sigmoid": sigmoid, "softmax": softmax}
