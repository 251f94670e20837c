"""The trial: a bundle must load and compute the right thing on this very device before it is activated."""

from __future__ import annotations

import logging
import math

from edgeinfer.backends import open_backend, options_for
from edgeinfer.backends.rehearsal import rehearse
from edgeinfer.bundle.golden import GoldenReport, check_golden
from edgeinfer.bundle.model_file import check_model
from edgeinfer.bundle.reader import Bundle
from edgeinfer.errors import CompatibilityError, MissingRuntimeError

logger = logging.getLogger(__name__)


def try_bundle(bundle: Bundle) -> GoldenReport | None:
    """Compare the model file with the manifest, load it, and run the golden inputs.

    A TFLite model is first loaded and run in a child, so that one that crashes LiteRT is refused here
    and does not end the service again and again.

    Gives None for a bundle without golden data. Raises FormatError, ModelError, MissingRuntimeError,
    CompatibilityError.
    """
    _check_file(bundle)
    model_format = bundle.manifest.model.format
    options = options_for(bundle.profile, model_format, threads=None, cache=None)
    if model_format == "tflite":
        rehearse(bundle.model(), model_format)
    with open_backend(bundle.model(), model_format, options) as backend:
        if bundle.golden is None:
            logger.warning("%s has no golden data: it was loaded, not tried", bundle.manifest.stem)
            return None
        report = check_golden(bundle, backend)
    if not report.passed:
        raise CompatibilityError(
            f"{bundle.manifest.stem} computes something else on this device: {describe_report(report)}; "
            f"at least {bundle.golden.min_sqnr_db:g} dB are needed",
            hint="update the runtime, or build the bundle with the profile of this device",
        )
    return report


def describe_report(report: GoldenReport) -> str:
    """One line for people, such as `logits 48.2 dB, top class the same`."""
    parts = [
        f"{name} {'equal' if value == math.inf else f'{value:.1f} dB'}"
        for name, value in report.sqnr_db.items()
    ]
    return ", ".join([*parts, f"top class {'the same' if report.same_top_class else 'another'}"])


def _check_file(bundle: Bundle) -> None:
    try:
        check_model(bundle.manifest, bundle.model())
    except MissingRuntimeError as error:
        # A device with tflite-runtime alone runs models, but cannot read their description.
        logger.warning("the model file was not compared with the manifest: %s", error.message)
