"""What a user should know before trusting a bundle."""

from __future__ import annotations

from edgeinfer_converters.samples import Samples
from edgeinfer_converters.verify import Comparison

FEW_SAMPLES = 100
GOOD_SQNR_DB = 10.0
"""Below this the noise of an output has more than a tenth of its power."""


def advice(calibrated_on: Samples | None, comparison: Comparison, max_drop: float) -> tuple[str, ...]:
    """Warnings on the data that were calibrated on, if any were; and on the model, where no labelled data
    hold it to its budget."""
    return (*_on_data(calibrated_on), *_on_model(comparison, max_drop))


def _on_data(samples: Samples | None) -> tuple[str, ...]:
    if samples is None or len(samples) >= FEW_SAMPLES:
        return ()
    return (f"calibrated on {len(samples)} samples; some hundred typical ones are better",)


def _on_model(comparison: Comparison, max_drop: float) -> tuple[str, ...]:
    if comparison.accuracy is not None:
        return ()
    found = []
    if comparison.agreement is not None and comparison.agreement < 1 - max_drop:
        found.append(
            f"the top class differs from the float model's in {1 - comparison.agreement:.1%} of "
            f"{comparison.samples} samples; only --evaluate with labels tells what that costs"
        )
    if comparison.worst_sqnr_db is not None and comparison.worst_sqnr_db < GOOD_SQNR_DB:
        name = min(comparison.sqnr_db, key=lambda output: comparison.sqnr_db[output])
        found.append(
            f"output `{name}` has an SQNR of {comparison.worst_sqnr_db:.1f} dB only: "
            "look at real results before you trust this model"
        )
    return tuple(found)
