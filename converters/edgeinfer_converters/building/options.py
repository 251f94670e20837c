"""The command line of `build`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeinfer_converters.emitting.choose import Format, Precision, Wishes


@dataclass(frozen=True)
class BuildOptions:
    """The command line of `build`."""

    model: Path
    profile: str
    pipeline: Path
    output: Path
    calibration: Path | None = None
    evaluation: Path | None = None
    model_format: Format = "auto"
    precision: Precision = "auto"
    prune: str = "none"
    max_drop: float = 0.01
    effort: str = "default"
    key: Path | None = None
    report: Path | None = None
    seed: int = 0

    @property
    def wishes(self) -> Wishes:
        """What decides on format and precision."""
        return Wishes(
            model_format=self.model_format,
            precision=self.precision,
            prune=self.prune,
            calibrated=self.calibration is not None,
        )
