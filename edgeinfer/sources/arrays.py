"""Arrays of an .npz file, as they are."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import cast

import numpy as np

from edgeinfer.errors import SourceError
from edgeinfer.frames import Array, Frame
from edgeinfer.processing.spec import InputSpec, TensorInput
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock
from edgeinfer.sources.options import ArrayOptions
from edgeinfer.sources.uri import SourceUri

_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, TypeError, OverflowError, MemoryError),  # numpy: of the header
)


class ArraysSource(FrameSource):
    """One frame for each index of an array's first axis; the array is held in memory.

    The array is the one with the input's name; one of any name will do where it is alone.
    """

    def __init__(self, path: Path, options: ArrayOptions, spec: TensorInput, clock: Clock) -> None:
        super().__init__(str(path), clock)
        self._path = path
        self._options = options
        self._spec = spec
        self._samples: Array | None = None
        self._next_index = 0

    def _open(self) -> None:
        try:
            self._samples = self._load()
        except _FAULTS as error:
            raise SourceError(f"{self._path}: not an .npz file of plain arrays ({error})") from error
        if self._samples.ndim == 0 or not self._samples.size:
            raise SourceError(f"{self._path}: the array holds no samples; they lie along its first axis")

    def _load(self) -> Array:
        with self._path.open("rb") as stream:
            # Without pickle: an array of objects is a program.
            found = np.load(stream, allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                raise ValueError("it holds one array without a name")  # noqa: TRY004 - of the file, not of a caller
            with found:
                return found[self._choose(found.files)]

    def _choose(self, names: list[str]) -> str:
        if self._spec.name in names:
            return self._spec.name
        if len(names) == 1:
            return names[0]
        fault = f"no array is named `{self._spec.name}`" if self._spec.name else "which array is the input?"
        raise SourceError(
            f"{self._path}: {fault}",
            hint=f"it holds: {', '.join(names[:10])}; the pipeline's [[input]] `name` chooses",
        )

    def _next(self) -> Frame | None:
        if self._samples is None:
            return None
        if self._next_index == len(self._samples):
            if not self._options.loop:
                return None
            self._next_index = 0
        index = self._next_index
        self._next_index += 1
        sample = self._samples[index, ...].copy()  # an array even where it is a single number
        return self._frame(sample, self._clock.moment(), f"{index}")

    def _release(self) -> None:
        self._samples = None


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> ArraysSource:
    """The source of an `npz:` URI."""
    return ArraysSource(Path(uri.target), uri.options_as(ArrayOptions), cast(TensorInput, spec), clock)
