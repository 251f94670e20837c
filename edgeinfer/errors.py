"""Every error that edgeinfer raises on purpose.

    EdgeInferError
    ├── UsageError              a command line that does not make sense (exit code 2)
    ├── SettingsError           a settings, pipeline or profile file is wrong
    ├── BundleError             a bundle cannot be used
    │   ├── FormatError         it is malformed or not in canonical form
    │   ├── SignatureError      it is unsigned, changed, or signed by a key that is not trusted
    │   └── CompatibilityError  it is sound, but for another device or another runtime
    ├── ModelError              a model file cannot be read, converted, loaded or run
    ├── MissingRuntimeError     a library or an execution provider is not there
    ├── DataError               calibration, evaluation or input data is wrong
    ├── BudgetError             the converted model misses its accuracy budget
    ├── SourceError             a camera, stream, file or sensor cannot be read
    ├── SinkError               results cannot be delivered
    └── StoreError              the device's store of installed bundles cannot do what was asked

A message says what is wrong and where; `hint` says what to do next.
"""

from __future__ import annotations


class EdgeInferError(Exception):
    """The root: an expected failure, shown to the user without a traceback."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EdgeInferError):
    """A command line that does not make sense."""


class SettingsError(EdgeInferError):
    """A settings, pipeline or profile file is wrong; the message names the place in it."""


class BundleError(EdgeInferError):
    """A bundle cannot be used."""


class FormatError(BundleError):
    """A bundle is malformed or not in canonical form."""


class SignatureError(BundleError):
    """A bundle is unsigned, was changed, or is signed by a key that is not trusted."""


class CompatibilityError(BundleError):
    """A bundle is sound, but for another device or another runtime."""


class ModelError(EdgeInferError):
    """A model file cannot be read, converted, loaded or run."""


class MissingRuntimeError(EdgeInferError):
    """A library or an execution provider is not there; the hint names what to install."""


class DataError(EdgeInferError):
    """Calibration, evaluation or input data is wrong."""


class BudgetError(EdgeInferError):
    """The converted model misses its accuracy budget."""


class SourceError(EdgeInferError):
    """A camera, stream, file or sensor cannot be read."""


class SinkError(EdgeInferError):
    """Results cannot be delivered."""


class StoreError(EdgeInferError):
    """The device's store of installed bundles cannot do what was asked."""
