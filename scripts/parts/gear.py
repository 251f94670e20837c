"""The part: a steel gear, whole, scratched or with a piece broken off.

`Gear` says what one gear looks like, in its own frame of reference (unit: its outer radius), so that
the same gear can be drawn at every place of the belt. `paint` draws it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Condition = Literal["good", "scratched", "piece-missing"]
CONDITIONS: tuple[Condition, ...] = ("good", "scratched", "piece-missing")

ROOT = 0.83  # radius where a tooth begins
HUB = 0.33
WEB = (0.36, 0.71)  # the recessed ring between hub and rim
MARGIN = 1.2  # half the side of the painted square


@dataclass(frozen=True)
class Scratch:
    """A curved line on the face. `points` are in units of the radius, `width` too."""

    points: tuple[tuple[float, float], ...]
    width: float
    strength: float


@dataclass(frozen=True)
class Break:
    """A piece that is gone: everything inside a ragged circle around a point of the rim."""

    angle: float
    distance: float
    radius: float
    ragged: tuple[float, ...]


@dataclass(frozen=True)
class Gear:
    """What a gear looks like. `radius` is in pixels, `turn` and angles in radians, colours in BGR."""

    condition: Condition
    radius: float
    turn: float
    teeth: int
    holes: int
    hole_radius: float
    bore: float
    metal: tuple[float, float, float]
    polish: float
    grooves: tuple[float, ...]
    smudges: tuple[tuple[float, float, float, float], ...]
    scratches: tuple[Scratch, ...] = ()
    breaks: tuple[Break, ...] = ()

    def fault_places(self) -> list[tuple[float, float]]:
        """Where its faults are, in pixels from its centre, as it lies."""
        places = [point for scratch in self.scratches for point in scratch.points]
        for one in self.breaks:
            around = [one.angle + side * one.radius / 2 for side in (-1, 0, 1)]
            places += [(0.85 * math.cos(angle), 0.85 * math.sin(angle)) for angle in around]
        cos, sin = math.cos(self.turn), math.sin(self.turn)
        return [(self.radius * (cos * x - sin * y), self.radius * (sin * x + cos * y)) for x, y in places]


@dataclass(frozen=True)
class Painted:
    """A square of `color` (BGR, 0..1, lit as if by even light), `alpha` and `height`, centred on the gear."""

    color: Floats
    alpha: Floats
    height: Floats


def random_gear(rng: np.random.Generator, condition: Condition) -> Gear:
    """A gear as it might come along: no two are alike, and dirt is no fault."""
    tint = rng.uniform(-0.03, 0.03)
    shade = rng.uniform(0.42, 0.62)
    return Gear(
        condition=condition,
        radius=float(rng.uniform(118, 140)),
        turn=float(rng.uniform(0, 2 * math.pi)),
        teeth=int(rng.integers(14, 21)),
        holes=int(rng.choice([0, 4, 5, 6])),
        hole_radius=float(rng.uniform(0.09, 0.125)),
        bore=float(rng.uniform(0.13, 0.19)),
        metal=(shade * (1.04 + tint), shade, shade * (0.97 - tint)),
        polish=float(rng.uniform(0.25, 0.65)),
        grooves=tuple(rng.normal(0, 1, 64).tolist()),
        smudges=tuple(_random_smudge(rng) for _ in range(rng.integers(0, 5))),
        scratches=tuple(_random_scratch(rng) for _ in range(rng.integers(1, 4)))
        if condition == "scratched"
        else (),
        breaks=(_random_break(rng),) if condition == "piece-missing" else (),
    )


def _random_smudge(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Place, size and strength of a soft oil stain."""
    distance, angle = rng.uniform(0.2, 0.9), rng.uniform(0, 2 * math.pi)
    x, y = distance * math.cos(angle), distance * math.sin(angle)
    return x, y, float(rng.uniform(0.06, 0.2)), float(rng.uniform(-0.25, 0.12))


def _random_scratch(rng: np.random.Generator) -> Scratch:
    angle, distance = rng.uniform(0, 2 * math.pi), rng.uniform(0.4, 0.8)
    x, y = distance * math.cos(angle), distance * math.sin(angle)
    # Across the grooves rather than along them: along, nobody could tell it from the turning.
    heading = angle + rng.choice([-1, 1]) * rng.uniform(0.0, 1.1)
    length, bend, steps = rng.uniform(0.6, 1.2), rng.normal(0, 0.6), 12
    points = []
    for step in range(steps + 1):
        along = (step / steps - 0.5) * length
        direction = heading + bend * along
        points.append((float(x + along * math.cos(direction)), float(y + along * math.sin(direction))))
    width = float(rng.uniform(0.028, 0.055))
    return Scratch(tuple(points), width, float(rng.uniform(0.5, 0.9)))


def _random_break(rng: np.random.Generator) -> Break:
    return Break(
        angle=float(rng.uniform(0, 2 * math.pi)),
        distance=float(rng.uniform(0.95, 1.05)),
        radius=float(rng.uniform(0.32, 0.5)),
        ragged=tuple(rng.normal(0, 1, 9).tolist()),
    )


def paint(gear: Gear, offset: tuple[float, float], light: tuple[float, float]) -> Painted:
    """Draw a gear whose centre lies `offset` (below a pixel) off the middle of the square.

    `light` points to the lamp; highlights follow it, not the gear: turned steel shines in two fans.
    """
    half = math.ceil(gear.radius * MARGIN)
    x, y = _grid(half, offset, gear.radius)
    radius, angle = (np.asarray(one, np.float32) for one in cv2.cartToPolar(x, y))
    body = angle - np.float32(gear.turn)
    local_x, local_y = radius * np.cos(body), radius * np.sin(body)
    alpha = _outline(gear, radius, body, local_x, local_y)
    height = _height(gear, radius, alpha)
    shade = _face(gear, radius, angle, light) + _stains(gear, local_x, local_y)
    shade += _relief(height, light)
    shade += _scratched(gear, half, offset, light)
    color = np.clip(shade, 0.02, 1.6)[..., None] * np.array(gear.metal, np.float32)
    return Painted(color=color.astype(np.float32), alpha=alpha, height=height)


def _grid(half: int, offset: tuple[float, float], radius: float) -> tuple[Floats, Floats]:
    steps = np.arange(-half, half + 1, dtype=np.float32)
    x, y = np.meshgrid((steps - offset[0]) / radius, (steps - offset[1]) / radius)
    return x.astype(np.float32), y.astype(np.float32)


def _inside(distance: Floats, radius: float) -> Floats:
    """1 where `distance` (in radii, positive inside) is inside, with a soft edge of a pixel."""
    return np.asarray(np.clip(distance * radius + 0.5, 0, 1), np.float32)


def _outline(gear: Gear, radius: Floats, body: Floats, x: Floats, y: Floats) -> Floats:
    phase = np.abs(np.mod(body * (gear.teeth / (2 * math.pi)), 1.0) - 0.5) * 2
    teeth = ROOT + (1 - ROOT) * np.clip((phase - 0.38) / 0.26, 0, 1)
    alpha = _inside(teeth - radius, gear.radius) * _inside(radius - gear.bore, gear.radius)
    keyway = np.maximum(np.abs(y) - 0.3 * gear.bore, np.abs(x - gear.bore) - 0.35 * gear.bore)
    alpha *= _inside(keyway, gear.radius)
    for number in range(gear.holes):
        turn = 2 * math.pi * number / gear.holes
        away = np.hypot(x - 0.54 * math.cos(turn), y - 0.54 * math.sin(turn))
        alpha *= _inside(away - gear.hole_radius, gear.radius)
    for gap in gear.breaks:
        alpha *= _inside(_distance_to_break(gap, x, y), gear.radius)
    return alpha


def _distance_to_break(gap: Break, x: Floats, y: Floats) -> Floats:
    dx = x - gap.distance * math.cos(gap.angle)
    dy = y - gap.distance * math.sin(gap.angle)
    around = np.arctan2(dy, dx)
    edge = np.zeros_like(dx)
    for order, amount in enumerate(gap.ragged):
        edge += amount * np.sin((order + 2) * around + 1.7 * order) / (order + 2)
    return np.asarray(np.hypot(dx, dy) - gap.radius * (1 + 0.16 * edge), np.float32)


def _height(gear: Gear, radius: Floats, alpha: Floats) -> Floats:
    recessed = _inside(radius - WEB[0], gear.radius / 3) * _inside(WEB[1] - radius, gear.radius / 3)
    return (cv2.GaussianBlur(alpha, (0, 0), 1.1) * (1 - 0.45 * recessed)).astype(np.float32)


def _face(gear: Gear, radius: Floats, angle: Floats, light: tuple[float, float]) -> Floats:
    """Turned steel: grooves along circles, highlights in fans towards and away from the lamp."""
    towards = angle - math.atan2(light[1], light[0])
    shine = 0.7 * _sharpened(np.cos(towards)) + 0.3 * _sharpened(np.sin(2 * towards + np.float32(0.7)))
    where = np.linspace(0, 1.2, len(gear.grooves))
    groove = np.interp(radius.ravel(), where, gear.grooves).reshape(radius.shape)
    web = (radius > WEB[0]) & (radius < WEB[1])
    level = np.where(web, 0.82, 1.0)
    return (level * (0.72 + gear.polish * shine) + (0.02 + 0.05 * shine) * groove).astype(np.float32)


def _sharpened(wave: Floats) -> Floats:
    """The eighth power."""
    square = wave * wave
    square *= square
    return square * square


def _stains(gear: Gear, x: Floats, y: Floats) -> Floats:
    total = np.zeros_like(x)
    for at_x, at_y, size, strength in gear.smudges:
        total += strength * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / size**2)
    return total


def _relief(height: Floats, light: tuple[float, float]) -> Floats:
    """Edges that face the lamp are bright, the others dark."""
    slope_x, slope_y = cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)
    return np.clip(-(slope_x * light[0] + slope_y * light[1]) * 0.35, -0.5, 0.6).astype(np.float32)


def _scratched(gear: Gear, half: int, offset: tuple[float, float], light: tuple[float, float]) -> Floats:
    """A scratch is a groove: a bright flank and a dark one."""
    side = 2 * half + 1
    total = np.zeros((side, side), np.float32)
    cos, sin = math.cos(gear.turn), math.sin(gear.turn)
    for scratch in gear.scratches:
        local = np.array(scratch.points, np.float32) * gear.radius
        points = local @ np.array([[cos, sin], [-sin, cos]], np.float32) + np.array(offset) + half
        bright = _stroke(side, points, scratch.width * gear.radius)
        dark = _stroke(side, points - 1.6 * np.array(light), scratch.width * gear.radius)
        total += scratch.strength * (bright - 0.7 * dark * (1 - bright))
    return total


def _stroke(side: int, points: npt.NDArray[np.floating], width: float) -> Floats:
    """A line with soft edges: drawn four times as large, which OpenCV's whole-pixel widths need."""
    scale = 4
    canvas = np.zeros((side * scale, side * scale), np.uint8)
    fixed = np.round((points + 0.5) * scale * 16).astype(np.int32)
    cv2.polylines(canvas, [fixed], isClosed=False, color=255, thickness=max(1, round(width * scale)), shift=4)
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return (small / np.float32(255)).astype(np.float32)
