"""The place: a conveyor belt under a camera, with light that changes and a lens that is not perfect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from scripts.parts.gear import Floats, Gear, Painted, paint

Image = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 480, 360
RAIL = 20  # pixels of aluminium at the top and at the bottom
BELT_LENGTH = 960  # pixels after which the belt's pattern comes again


@dataclass(frozen=True)
class Scene:
    """Belt, lamps and camera. Angles in radians, lengths in pixels, levels as shares of full scale."""

    belt_seed: int
    belt_color: tuple[float, float, float]
    exposure: float
    warmth: float
    light_angle: float
    light_slope: float
    glare: tuple[float, float, float, float]  # angle, place, width, strength of a lamp's reflection
    shadow: float
    motion_blur: int
    focus_blur: float
    noise: float
    jpeg_quality: int


@dataclass(frozen=True)
class Placed:
    """A gear and where its centre is in the frame."""

    gear: Gear
    x: float
    y: float


def random_scene(rng: np.random.Generator) -> Scene:
    """A place and a moment, within what a workshop and a cheap camera give."""
    base = rng.uniform(0.15, 0.30)
    return Scene(
        belt_seed=int(rng.integers(0, 8)),
        belt_color=(base * rng.uniform(0.95, 1.2), base * rng.uniform(0.95, 1.15), base),
        exposure=float(rng.uniform(0.65, 1.3)),
        warmth=float(rng.uniform(-0.12, 0.12)),
        light_angle=float(rng.uniform(0, 2 * math.pi)),
        light_slope=float(rng.uniform(0.0, 0.35)),
        glare=(
            float(rng.uniform(0, math.pi)),
            float(rng.uniform(-180, 180)),
            float(rng.uniform(25, 80)),
            float(rng.uniform(0.0, 0.25)),
        ),
        shadow=float(rng.uniform(0.3, 0.75)),
        motion_blur=int(rng.integers(1, 7)),
        focus_blur=float(rng.uniform(0.3, 1.3)),
        noise=float(rng.uniform(0.006, 0.035)),
        jpeg_quality=int(rng.integers(60, 96)),
    )


def photograph(
    scene: Scene, placed: tuple[Placed, ...], belt_offset: float, rng: np.random.Generator
) -> Image:
    """What the camera gives: (360, 480, 3) uint8 in BGR. `rng` gives the noise."""
    light = (math.cos(scene.light_angle), math.sin(scene.light_angle))
    picture = _belt(scene, belt_offset)
    for one in placed:
        _put(picture, one, scene, light)
    _rails(picture)
    picture *= _lighting(scene)
    return _camera(picture, scene, rng)


def _put(picture: Floats, placed: Placed, scene: Scene, light: tuple[float, float]) -> None:
    """Lay a gear and its shadow on the belt."""
    column, row = math.floor(placed.x), math.floor(placed.y)
    painted = paint(placed.gear, (placed.x - column, placed.y - row), light)
    away = (column - 9 * light[0], row - 9 * light[1])
    shadow = cv2.GaussianBlur(painted.alpha, (0, 0), 6) * scene.shadow
    _blend(picture, np.zeros_like(painted.color), shadow, round(away[0]), round(away[1]))
    _blend(picture, _with_glare(painted, scene, column, row), painted.alpha, column, row)


def _blend(picture: Floats, color: Floats, alpha: Floats, column: int, row: int) -> None:
    """Blend a square centred on (column, row) into the picture, cut at its edges."""
    half = alpha.shape[0] // 2
    left, top = column - half, row - half
    x0, x1 = max(left, 0), min(left + alpha.shape[1], WIDTH)
    y0, y1 = max(top, 0), min(top + alpha.shape[0], HEIGHT)
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    under = picture[y0:y1, x0:x1]
    under += alpha[part][..., None] * (color[part] - under)


def _with_glare(painted: Painted, scene: Scene, column: int, row: int) -> Floats:
    """The lamp's reflection stays where it is while the gear passes below it."""
    angle, place, width, strength = scene.glare
    half = painted.alpha.shape[0] // 2
    steps = np.arange(-half, half + 1, dtype=np.float32)
    across = (steps[None, :] + column - WIDTH / 2) * math.cos(angle)
    across = across + (steps[:, None] + row - HEIGHT / 2) * math.sin(angle)
    band = strength * np.exp(-(((across - place) / width) ** 2))
    return (painted.color + band[..., None]).astype(np.float32)


def _belt(scene: Scene, offset: float) -> Floats:
    """The piece of the belt that is in view, `offset` pixels on."""
    texture = _belt_texture(scene.belt_seed)
    start = int(-offset) % BELT_LENGTH
    view = np.take(texture, np.arange(start, start + WIDTH) % BELT_LENGTH, axis=1)
    return (view[..., None] * np.array(scene.belt_color, np.float32)).astype(np.float32)


@cache
def _belt_texture(seed: int) -> Floats:
    """Rubber with ribs, stains and scuffs, (height, BELT_LENGTH), around 1."""
    rng = np.random.default_rng([0xBE17, seed])
    grain = rng.normal(0, 1, (HEIGHT, BELT_LENGTH)).astype(np.float32)
    texture = 1 + 0.10 * cv2.GaussianBlur(grain, (0, 0), 1.0) * 3
    clouds = cv2.GaussianBlur(grain, (0, 0), 25, borderType=cv2.BORDER_REFLECT)
    texture += 0.25 * clouds / clouds.std() * 0.4
    along = np.arange(BELT_LENGTH, dtype=np.float32)
    ribs = np.exp(-(((along % 48) - 24) ** 2) / 8) - np.exp(-(((along % 48) - 28) ** 2) / 8)
    texture += 0.35 * ribs
    for _ in range(14):
        _scuff(texture, rng)
    return texture.astype(np.float32)


def _scuff(texture: Floats, rng: np.random.Generator) -> None:
    start = (int(rng.integers(0, BELT_LENGTH)), int(rng.integers(0, HEIGHT)))
    end = (start[0] + int(rng.normal(0, 45)), start[1] + int(rng.normal(0, 20)))
    layer = np.zeros_like(texture)
    cv2.line(layer, start, end, 1.0, int(rng.integers(1, 4)), cv2.LINE_AA)
    texture += float(rng.uniform(-0.3, 0.6)) * layer


def _rails(picture: Floats) -> None:
    """The conveyor's frame: rounded aluminium with a bolt here and there."""
    picture[[*range(RAIL, RAIL + 6), *range(HEIGHT - RAIL - 6, HEIGHT - RAIL)]] *= 0.35
    profile = 0.35 + 0.35 * np.sin(np.linspace(0.25, math.pi - 0.1, RAIL, dtype=np.float32))
    for rows in (slice(0, RAIL), slice(HEIGHT - RAIL, HEIGHT)):
        picture[rows] = profile[:, None, None]
    for column in range(40, WIDTH, 100):
        for row in (RAIL // 2, HEIGHT - RAIL // 2):
            cv2.circle(picture, (column, row), 5, (0.32, 0.32, 0.32), -1, cv2.LINE_AA)
            cv2.line(
                picture, (column - 3, row + 1), (column + 3, row - 1), (0.15, 0.15, 0.15), 1, cv2.LINE_AA
            )


def _lighting(scene: Scene) -> Floats:
    """Exposure, a slope towards the lamp, darker corners, and the lamp's colour."""
    x = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :]
    y = np.linspace(-0.75, 0.75, HEIGHT, dtype=np.float32)[:, None]
    slope = 1 + scene.light_slope * (x * math.cos(scene.light_angle) + y * math.sin(scene.light_angle))
    level = scene.exposure * slope * (1.05 - 0.22 * (x**2 + y**2))
    tint = np.array([1 - scene.warmth, 1.0, 1 + scene.warmth], np.float32)
    return (level[..., None] * tint).astype(np.float32)


def _camera(picture: Floats, scene: Scene, rng: np.random.Generator) -> Image:
    """Motion, focus, noise that grows with light, clipping, and the codec's traces."""
    moved = cv2.blur(picture, (scene.motion_blur, 1))
    seen = cv2.GaussianBlur(moved, (0, 0), scene.focus_blur)
    grain = rng.standard_normal(seen.shape, dtype=np.float32)
    grain *= np.sqrt(seen + np.float32(0.35))
    seen += grain * np.float32(scene.noise)
    seen *= 255
    pixels = np.clip(seen, 0, 255, out=seen).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, scene.jpeg_quality]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_COLOR), np.uint8)
