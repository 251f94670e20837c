"""The conveyor and its camera."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scripts.parts.gear import random_gear
from scripts.parts.scene import BELT_LENGTH, HEIGHT, WIDTH, Image, Placed, Scene, photograph, random_scene


def _scene(**changes: Any) -> Scene:
    quiet = replace(
        random_scene(np.random.default_rng(5)), noise=0.0, motion_blur=1, focus_blur=0.3, jpeg_quality=100
    )
    return replace(quiet, **changes)


def _photo(scene: Scene, *placed: Placed, offset: float = 0.0, seed: int = 0) -> Image:
    return photograph(scene, placed, offset, np.random.default_rng(seed))


def _gear(x: float) -> Placed:
    return Placed(random_gear(np.random.default_rng(2), "good"), x, HEIGHT / 2)


def test_a_photograph_is_a_picture_and_the_same_again() -> None:
    photo = _photo(_scene(), _gear(200))
    assert photo.shape == (HEIGHT, WIDTH, 3)
    assert photo.dtype == np.uint8
    assert np.array_equal(photo, _photo(_scene(), _gear(200)))


def test_the_belt_comes_round_again() -> None:
    assert np.array_equal(_photo(_scene()), _photo(_scene(), offset=BELT_LENGTH))
    assert not np.array_equal(_photo(_scene()), _photo(_scene(), offset=BELT_LENGTH / 2))


def test_the_belt_moves_as_the_parts_do() -> None:
    scene = _scene(light_slope=0.0)
    before, after = _photo(scene)[60:300, 100:380], _photo(scene, offset=12)[60:300, 112:392]
    assert np.abs(before.astype(float) - after).mean() < 4


@pytest.mark.parametrize("x", [-400.0, WIDTH + 400.0])
def test_a_gear_out_of_view_is_not_seen(x: float) -> None:
    assert np.array_equal(_photo(_scene(), _gear(x)), _photo(_scene()))


@pytest.mark.parametrize("x", [0.0, 100.5, float(WIDTH)])
def test_a_gear_in_view_is_brighter_than_the_belt(x: float) -> None:
    difference = _photo(_scene(), _gear(x)).astype(float) - _photo(_scene())
    assert difference.max() > 40


def test_exposure_brightens_and_noise_differs_from_frame_to_frame() -> None:
    assert _photo(_scene(exposure=1.2)).mean() > _photo(_scene(exposure=0.7)).mean() * 1.4
    noisy = _scene(noise=0.03)
    assert not np.array_equal(_photo(noisy, seed=1), _photo(noisy, seed=2))
