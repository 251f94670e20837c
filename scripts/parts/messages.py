"""From messages of the belt to what a visitor reads: one line for each part, whatever the frame rate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edgeinfer.processing.results import ClassScore, Latency
from edgeinfer.strict import Struct, decode_json
from scripts.parts.draw import NO_PART

PATIENCE = 3  # frames without a part that end it: fewer may be the model's slip
SHORTEST = 5  # frames with a part that make one: fewer may be the model's slip, too

COLORS = {"good": "32", "scratched": "33", "piece-missing": "31"}


class Reading(Struct, frozen=True, forbid_unknown_fields=False):
    """What the demo needs of a result message; docs/mqtt.md has all of it."""

    sequence: int
    age_ms: float
    latency_ms: Latency
    classes: tuple[ClassScore, ...]

    @property
    def label(self) -> str:
        """The best class."""
        return self.classes[0].label if self.classes else NO_PART

    @property
    def took_ms(self) -> float:
        """Preprocessing, inference and postprocessing together."""
        return self.latency_ms.preprocess + self.latency_ms.infer + self.latency_ms.postprocess


def parse_reading(payload: bytes) -> Reading:
    """Read a result message. Raises SettingsError for one of another form."""
    return decode_json(payload, Reading, "a result message")


@dataclass(frozen=True)
class PartSeen:
    """A part that has passed: what most of its frames said."""

    number: int
    verdict: str
    agreeing: int
    frames: int
    score: float
    took_ms: float


class PartWatcher:
    """Takes readings one by one and tells when a part has passed."""

    def __init__(self) -> None:
        self._passed = 0
        self._frames: list[Reading] = []
        self._absent = 0

    def feed(self, reading: Reading) -> PartSeen | None:
        """Take one reading; the part that it shows to have passed, or None."""
        if reading.label != NO_PART:
            self._frames.append(reading)
            self._absent = 0
            return None
        self._absent += 1
        return self.finish() if self._absent >= PATIENCE else None

    def finish(self) -> PartSeen | None:
        """The part that is in view now, as if it had passed; None if there is none."""
        frames, self._frames = self._frames, []
        if len(frames) < SHORTEST:
            return None
        self._passed += 1
        verdict, agreeing = Counter(one.label for one in frames).most_common(1)[0]
        scores = [one.classes[0].score for one in frames if one.label == verdict]
        return PartSeen(
            number=self._passed,
            verdict=verdict,
            agreeing=agreeing,
            frames=len(frames),
            score=sum(scores) / len(scores),
            took_ms=sum(one.took_ms for one in frames) / len(frames),
        )


def format_part(part: PartSeen, at_s: float, drawn: str | None, *, color: bool) -> str:
    """A line of at most 80 columns; `drawn` is what the clip's script drew there, if anything."""
    verdict = f"{part.verdict.upper():<13}"
    if color:
        verdict = f"\x1b[1;{COLORS.get(part.verdict, '0')}m{verdict}\x1b[0m"
    line = (
        f"{at_s:6.1f} s  part {part.number}  {verdict}  score {part.score:.2f}"
        f"  {part.agreeing:>2} of {part.frames:>2} frames"
    )
    if drawn is None:
        return line
    return f"{line}  {'correct' if drawn == part.verdict else f'NO: {drawn}'}"
