"""Frames out of nothing, the same ones for the same seed: for demonstrations, benchmarks and tests."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from edgeinfer.errors import SettingsError
from edgeinfer.frames import Array, Frame
from edgeinfer.processing.spec import InputSpec, WindowInput
from edgeinfer.processing.window import Windows
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock, Pace
from edgeinfer.sources.options import SyntheticOptions
from edgeinfer.sources.uri import SourceUri

DEFAULT_WIDTH = 640
DEFAULT_HEIGHT = 480
NOISE = 0.1


class SyntheticSource(FrameSource):
    """As many frames as asked for; with `realtime` at `fps`, as a camera would give them."""

    def __init__(self, options: SyntheticOptions, clock: Clock) -> None:
        super().__init__("synthetic:", clock)
        self.live = options.realtime
        self._options = options
        self._pace = Pace(clock, options.fps, self._closing) if options.realtime else None

    def _open(self) -> None:
        """There is nothing to open."""

    def _next(self) -> Frame | None:
        if self._options.frames and self._sequence == self._options.frames:
            return None
        data = self._draw()
        return None if data is None else self._frame(data, self._clock.moment())

    def _keep_pace(self) -> bool:
        if self._pace:
            self._pace.keep()
        return not self._closing.is_set()

    def _release(self) -> None:
        """There is nothing to release."""

    @abstractmethod
    def _draw(self) -> Array | None:
        """The data of the next frame, or None once the source is closed."""


class SyntheticImages(SyntheticSource):
    """A noisy gradient that slides to the right, and a bright square that moves across it."""

    def __init__(self, options: SyntheticOptions, clock: Clock) -> None:
        super().__init__(options, clock)
        self._width = options.width or DEFAULT_WIDTH
        self._height = options.height or DEFAULT_HEIGHT
        self._background: Array | None = None

    def _draw(self) -> Array | None:
        if not self._keep_pace():
            return None
        if self._background is None:
            self._background = self._paint()
        number = self._sequence
        image = np.roll(self._background, 2 * number % self._width, axis=1)
        side = max(1, min(self._width, self._height) // 6)
        left = 5 * number % max(1, self._width - side)
        top = 3 * number % max(1, self._height - side)
        image[top : top + side, left : left + side] = (40, 220, 250)
        return image

    def _paint(self) -> Array:
        noise = np.random.default_rng(self._options.seed).integers(
            0, 32, (self._height, self._width, 3), np.uint8
        )
        noise[..., 0] += np.linspace(0, 200, self._width).astype(np.uint8)
        noise[..., 1] += np.linspace(0, 200, self._height).astype(np.uint8)[:, None]
        return noise


class SyntheticWindows(SyntheticSource):
    """A sine of its own period in each column, with noise; `fps` is rows a second."""

    def __init__(self, options: SyntheticOptions, spec: WindowInput, clock: Clock) -> None:
        super().__init__(options, clock)
        self._random = np.random.default_rng(options.seed)
        self._windows = Windows(spec.length, spec.stride)
        self._periods_rows = 16.0 * (1.0 + np.arange(len(spec.columns)))
        self._row = 0

    def _draw(self) -> Array | None:
        while self._keep_pace():
            angle = 2.0 * np.pi * self._row / self._periods_rows
            row = np.sin(angle) + NOISE * self._random.standard_normal(len(angle))
            self._row += 1
            window = self._windows.push(row)
            if window is not None:
                return window
        return None


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> SyntheticSource:
    """The source of a `synthetic:` URI."""
    options = uri.options_as(SyntheticOptions)
    if isinstance(spec, WindowInput):
        if options.width or options.height:
            raise SettingsError("synthetic: `width` and `height` are for images, the model takes windows")
        return SyntheticWindows(options, spec, clock)
    return SyntheticImages(options, clock)
