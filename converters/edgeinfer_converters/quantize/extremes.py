"""The least and the greatest value of each channel of a tensor, while calibration samples stream by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Extremes:
    """The least and the greatest value of each channel, float32."""

    low: Singles
    high: Singles

    @property
    def largest(self) -> Singles:
        """The largest magnitude of each channel."""
        return np.maximum(self.high, -self.low)

    def __or__(self, other: Extremes) -> Extremes:
        return Extremes(np.minimum(self.low, other.low), np.maximum(self.high, other.high))


class ChannelObserver:
    """The extremes of each channel (axis 1) of one tensor; an observer, see `observers`."""

    def __init__(self) -> None:
        self._seen: Extremes | None = None

    def update(self, values: Array) -> None:
        """Take in finite float32 values, (batch, channels, ...), at least one of them a channel."""
        axes = (0, *range(2, values.ndim))
        new = Extremes(values.min(axis=axes), values.max(axis=axes))
        self._seen = new if self._seen is None else self._seen | new

    def result(self) -> Extremes | None:
        """What was seen; None if no value was."""
        return self._seen

    def state(self) -> Mapping[str, Array]:
        """Both bounds of each channel, or nothing before the first value."""
        return {} if self._seen is None else {"low": self._seen.low, "high": self._seen.high}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state. Raises ValueError, and then nothing has changed."""
        self._seen = _extremes_from(state) if state else None


def _extremes_from(state: Mapping[str, Array]) -> Extremes:
    if state.keys() != {"low", "high"} or any(array.dtype != np.float32 for array in state.values()):
        raise ValueError("not the extremes of channels")
    low, high = state["low"], state["high"]
    shaped = low.ndim == 1 and low.shape == high.shape
    if not shaped or not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("not the extremes of channels")
    if (low > high).any():
        raise ValueError("the least value of a channel is above its greatest")
    return Extremes(low, high)
