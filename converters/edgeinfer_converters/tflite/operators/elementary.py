"""Elementary functions: those that have a kernel, and those that are formulas of such.

Formulas are right to 1e-5, relative or absolute. Kernels have their limits: EXP and LOG do not carry NaN on,
LOG of more than 2.3e38 is that of 2.3e38, SQRT is off above 8e37, SIN and COS beyond 6e6.
"""

from __future__ import annotations

from functools import partial
from math import log, nan

from edgeinfer_converters.tflite.lowering import Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term, pointwise

_ERF_P = 0.3275911
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
"""Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: |error| < 1.5e-7."""


def kernel(code: str, x: Term, _: Node) -> Term:
    """A function that one kernel computes."""
    return x.apply(code)


def absolute(x: Term, _: Node) -> Term:
    """|x|; there is no kernel for int64."""
    return x.most(-x) if x.dtype == "int64" else x.apply("ABS")


def sign(x: Term, _: Node) -> Term:
    """-1, 0 or 1; there is no kernel for int64."""
    if x.dtype != "int64":
        return x.apply("SIGN")
    return (x > 0).cast("int64") - (x < 0).cast("int64")


def error_function(x: Term) -> Term:
    """erf(x)."""
    size = x.apply("ABS")
    step = 1.0 / (size * _ERF_P + 1.0)
    total = step * _ERF[-1]
    for factor in reversed(_ERF[:-1]):
        total = (total + factor) * step
    return x.apply("SIGN") * (1.0 - total * (-(size * size)).apply("EXP"))


def erf(x: Term, _: Node) -> Term:
    """The error function."""
    return error_function(x)


def tan(x: Term, _: Node) -> Term:
    """sin x / cos x."""
    return x.apply("SIN") / x.apply("COS")


def asin(x: Term, _: Node) -> Term:
    """atan2(x, sqrt(1 - x^2))."""
    return x.pair("ATAN2", _other_leg(x))


def acos(x: Term, _: Node) -> Term:
    """atan2(sqrt(1 - x^2), x)."""
    return _other_leg(x).pair("ATAN2", x)


def atan(x: Term, _: Node) -> Term:
    """atan2(x, 1); ATAN2 does not broadcast."""
    return x.pair("ATAN2", x.number(1.0).expanded(x.shape))


def sinh(x: Term, _: Node) -> Term:
    """(e^x - e^-x) / 2, in halves so that e^x may exceed what a float holds."""
    up, down = (x * 0.5).apply("EXP"), (x * -0.5).apply("EXP")
    return up * 0.5 * up - down * 0.5 * down


def cosh(x: Term, _: Node) -> Term:
    """(e^x + e^-x) / 2, likewise."""
    up, down = (x * 0.5).apply("EXP"), (x * -0.5).apply("EXP")
    return up * 0.5 * up + down * 0.5 * down


def asinh(x: Term, _: Node) -> Term:
    """log(|x| + sqrt(x^2 + 1)) with the sign of x; x^2 is capped where the 1 no longer counts."""
    size = x.apply("ABS")
    near = size.least(1e9)
    root = (near * near + 1.0).apply("SQRT")
    value = (size > 1e9).choose((size * 0.5).apply("LOG") + log(4.0), (near + root).apply("LOG"))
    return x.apply("SIGN") * value


def acosh(x: Term, _: Node) -> Term:
    """log(x + sqrt(x - 1) sqrt(x + 1)), NaN below 1."""
    root = (x - 1.0).apply("SQRT") * (x + 1.0).apply("SQRT")
    value = (x * 0.25 + root * 0.25).apply("LOG") + log(4.0)
    return (x < 1.0).choose(x.number(nan).expanded(x.shape), value)


def atanh(x: Term, _: Node) -> Term:
    """(log(1 + x) - log(1 - x)) / 2."""
    return ((x + 1.0).apply("LOG") - (1.0 - x).apply("LOG")) * 0.5


def _other_leg(x: Term) -> Term:
    return ((1.0 - x) * (x + 1.0)).apply("SQRT")


OPERATORS: Table = {
    "Abs": partial(pointwise, absolute),
    "Acos": partial(pointwise, acos),
    "Acosh": partial(pointwise, acosh),
    "Asin": partial(pointwise, asin),
    "Asinh": partial(pointwise, asinh),
    "Atan": partial(pointwise, atan),
    "Atanh": partial(pointwise, atanh),
    "Ceil": partial(pointwise, partial(kernel, "CEIL")),
    "Cos": partial(pointwise, partial(kernel, "COS")),
    "Cosh": partial(pointwise, cosh),
    "Erf": partial(pointwise, erf),
    "Exp": partial(pointwise, partial(kernel, "EXP")),
    "Floor": partial(pointwise, partial(kernel, "FLOOR")),
    "Log": partial(pointwise, partial(kernel, "LOG")),
    "Neg": partial(pointwise, partial(kernel, "NEG")),
    "Round": partial(pointwise, partial(kernel, "ROUND")),
    "Sign": partial(pointwise, sign),
    "Sin": partial(pointwise, partial(kernel, "SIN")),
    "Sinh": partial(pointwise, sinh),
    "Sqrt": partial(pointwise, partial(kernel, "SQRT")),
    "Tan": partial(pointwise, tan),
}
