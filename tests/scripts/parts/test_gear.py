"""The gear as it is painted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.parts.gear import CONDITIONS, Condition, Gear, paint, random_gear

LIGHT = (0.6, -0.8)
SEEDS = st.integers(0, 2**32 - 1)


def _gear(condition: Condition, seed: int = 1) -> Gear:
    return random_gear(np.random.default_rng(seed), condition)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from(CONDITIONS))
def test_every_gear_can_be_painted(seed: int, condition: Condition) -> None:
    painted = paint(_gear(condition, seed), (0.3, -0.4), LIGHT)
    side = painted.alpha.shape[0]
    assert painted.color.shape == (side, side, 3)
    assert painted.color.dtype == painted.alpha.dtype == np.float32
    assert np.isfinite(painted.color).all()
    assert painted.alpha.min() == 0.0
    assert painted.alpha.max() == 1.0
    assert not painted.alpha[[0, -1]].any(), "the square is large enough"


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_a_missing_piece_takes_metal_away_at_its_place_only(seed: int) -> None:
    broken = _gear("piece-missing", seed)
    whole = replace(broken, breaks=())
    lost = paint(whole, (0, 0), LIGHT).alpha - paint(broken, (0, 0), LIGHT).alpha
    assert lost.min() >= 0
    rows, columns = np.nonzero(lost > 0.5)
    assert len(rows) > 0.004 * broken.radius**2
    (gap,) = broken.breaks
    center, direction = lost.shape[0] // 2, gap.angle + broken.turn
    x, y = (gap.distance * broken.radius * part + center for part in (np.cos(direction), np.sin(direction)))
    away = np.hypot(columns - x, rows - y)
    # A ragged edge is a sum of waves: nowhere further out than all their crests together.
    crests = sum(abs(amount) / (order + 2) for order, amount in enumerate(gap.ragged))
    assert away.max() < gap.radius * (1 + 0.16 * crests) * broken.radius + 1


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_a_scratch_changes_the_face_along_its_line_only(seed: int) -> None:
    scratched = _gear("scratched", seed)
    clean = replace(scratched, scratches=())
    one, other = paint(scratched, (0, 0), LIGHT), paint(clean, (0, 0), LIGHT)
    assert np.array_equal(one.alpha, other.alpha)
    changed = np.abs(one.color - other.color).max(axis=2) > 0.02
    assert changed.any()
    rows, columns = np.nonzero(changed)
    places = np.array(scratched.fault_places()) + changed.shape[0] // 2
    away = np.hypot(columns[:, None] - places[:, 0], rows[:, None] - places[:, 1]).min(axis=1)
    assert away.max() < 0.12 * scratched.radius


@pytest.mark.parametrize("condition", CONDITIONS)
def test_only_faulty_gears_have_faults(condition: Condition) -> None:
    gear = _gear(condition)
    assert bool(gear.scratches) == (condition == "scratched")
    assert bool(gear.breaks) == (condition == "piece-missing")
    assert bool(gear.fault_places()) == (condition != "good")


def test_highlights_stay_with_the_lamp_when_the_gear_turns() -> None:
    gear = replace(_gear("good"), smudges=(), holes=0)
    one = paint(gear, (0, 0), LIGHT)
    other = paint(replace(gear, turn=gear.turn + 1.0), (0, 0), LIGHT)
    radius = np.hypot(*(np.indices(one.alpha.shape) - one.alpha.shape[0] // 2)) / gear.radius
    face = (radius > 0.4) & (radius < 0.68)
    assert np.allclose(one.color[face], other.color[face], atol=1e-3)


def test_an_offset_below_a_pixel_moves_the_gear_by_it() -> None:
    gear = _gear("good")
    columns = np.arange(2 * 200)
    centres = []
    for offset in (0.0, 0.5):
        alpha = paint(gear, (offset, 0), LIGHT).alpha
        centres.append(float((alpha.sum(axis=0) * columns[: alpha.shape[1]]).sum() / alpha.sum()))
    assert centres[1] - centres[0] == pytest.approx(0.5, abs=0.02)
