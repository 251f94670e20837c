"""What a user should know before trusting a bundle."""

from __future__ import annotations

from collections.abc import Sequence

from edgeinfer_converters.building.saturation import Saturated
from edgeinfer_converters.calibration.oddities import Oddities
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.samples import Samples

FEW_SAMPLES = 100
WORST = 3
"""Tensors out of their range that are named."""

POOR_TOP_1 = 0.5
"""Below this it is more likely that pictures reach the model the wrong way than that it is so bad."""


def advice(
    calibrated_on: Samples | None,
    comparison: Comparison,
    max_drop: float,
    saturated: Sequence[Saturated] = (),
    oddities: Oddities | None = None,
) -> tuple[str, ...]:
    """Warnings on the data that were calibrated on, if any were; and on the model, where no labelled data
    hold it to its budget. `saturated`: tensors that the evaluation data drive out of their ranges."""
    return (
        *_on_data(calibrated_on),
        *_on_oddities(oddities or Oddities()),
        *_on_ranges(saturated),
        *_on_model(comparison, max_drop),
    )


def _on_data(samples: Samples | None) -> tuple[str, ...]:
    if samples is None or len(samples) >= FEW_SAMPLES:
        return ()
    count = "1 sample" if len(samples) == 1 else f"{len(samples)} samples"
    return (f"calibrated on {count}; some hundred typical ones are better",)


def _on_oddities(oddities: Oddities) -> tuple[str, ...]:
    found = [
        f"{one.sample} has a value of {one.peak:.4g} in `{one.tensor}`, where typical samples end at "
        f"{one.typical:.4g}: beside it all others are less than one of 256 steps; look at this sample, or "
        "leave it out"
        for one in oddities.outliers()
    ]
    if oddities.copies:
        found.append(
            f"all {oddities.copies} calibration samples are the same: the ranges learnt from them are right "
            "for no other; give typical data"
        )
    return tuple(found)


def _on_ranges(saturated: Sequence[Saturated]) -> tuple[str, ...]:
    if not saturated:
        return ()
    named = ", ".join(f"{one.found:.1%} of `{one.tensor}`" for one in saturated[:WORST])
    more = f" and {len(saturated) - WORST} more tensors" if len(saturated) > WORST else ""
    return (
        f"the evaluation data leave the ranges that calibration has seen ({named}{more}): "
        "are the --calibration data typical, and prepared in the same way?",
    )


def _on_model(comparison: Comparison, max_drop: float) -> tuple[str, ...]:
    if comparison.accuracy is not None:
        return _on_accuracy(comparison.accuracy)
    found = []
    if comparison.agreement is not None and comparison.agreement < 1 - max_drop:
        found.append(
            f"the top class differs from the float model's in {1 - comparison.agreement:.1%} of "
            f"{comparison.samples} samples; only --evaluate with labels tells what that costs"
        )
    noisy = comparison.noisy_output
    if noisy is not None:
        found.append(
            f"output `{noisy}` has an SQNR of {comparison.sqnr_db[noisy]:.1f} dB only: "
            "look at real results before you trust this model"
        )
    return tuple(found)


def _on_accuracy(accuracy: Accuracy) -> tuple[str, ...]:
    """Conversion cannot tell a bad model from one that is fed wrongly; its user can."""
    source = accuracy.converted if accuracy.reference is None else accuracy.reference
    if accuracy.metric != "top-1" or source >= POOR_TOP_1:
        return ()
    return (
        f"before conversion the model is right on {source:.1%} of the evaluation data only: if it was "
        "better in training, check size, color, mean and std in the pipeline, and the order of the labels",
    )
