"""What is odd about calibration data: samples that are all the same, values far beyond all others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.samples.sample import Sample

FAR = 256
"""Beside a value so many times as large as those of a typical sample, all of these are less than one step."""


@dataclass(frozen=True)
class Outlier:
    """The sample with the largest value of an input, and what the samples reach at the median."""

    sample: str
    tensor: str
    peak: float
    typical: float


class Oddities:
    """Looks at samples while they stream by, however often: a few numbers of each are remembered."""

    def __init__(self) -> None:
        self._peaks: dict[str, list[tuple[float, str]]] = {}
        self._digests: list[bytes] = []

    def watch(self, samples: Iterable[Sample]) -> Iterator[Mapping[str, Array]]:
        """The inputs of the samples, looked at as they pass."""
        for number, sample in enumerate(samples):
            if number == len(self._digests):
                self._look(sample)
            yield sample.inputs

    def _look(self, sample: Sample) -> None:
        digest = hashlib.sha256()
        for name, array in sorted(sample.inputs.items()):
            # Adding nothing makes -0.0 the 0.0 that it is equal to.
            digest.update(np.ascontiguousarray(array + array.dtype.type(0)).data)
            if array.dtype.kind == "f" and array.size:
                peak = max(-float(array.min()), float(array.max()))
                self._peaks.setdefault(name, []).append((peak, sample.name))
        self._digests.append(digest.digest())

    @property
    def copies(self) -> int:
        """How many samples there are, where all are the same; 0 where they differ, or there is one."""
        return len(self._digests) if len(self._digests) > 1 and len(set(self._digests)) == 1 else 0

    def outliers(self) -> tuple[Outlier, ...]:
        """The largest value of each input that lies FAR beyond a typical sample's, by input."""
        found = []
        for tensor, peaks in sorted(self._peaks.items()):
            (peak, sample), typical = max(peaks), median(one for one, _ in peaks)
            if peak > FAR * typical:
                found.append(Outlier(sample, tensor, peak, typical))
        return tuple(found)
