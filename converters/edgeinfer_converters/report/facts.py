"""What a report knows: the structs of `report.json`."""

from __future__ import annotations

from edgeinfer.strict import Struct
from edgeinfer_converters.emitting.choose import Decision
from edgeinfer_converters.judging.estimate import Forecast
from edgeinfer_converters.judging.measure import Timing
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.provenance import Provenance


class BundleFacts(Struct, frozen=True):
    """The file that was written."""

    path: str
    size_bytes: int
    sha256: str


class ModelFacts(Struct, frozen=True):
    """The model in it, and the one that it was made from."""

    name: str
    version: str
    task: str
    format: str
    precision: str
    size_bytes: int
    source_size_bytes: int


class IntegerFacts(Struct, frozen=True):
    """Multiply-accumulates of a quantized model, those in integer kernels, and the nodes of the others."""

    macs: int
    integer_macs: int
    float_nodes: tuple[str, ...]


class Trial(Struct, frozen=True):
    """A model that was emitted, compared and passed over. `size_bytes` is 0 where it is not known.

    `timing` is measured here, `forecast` estimated for the device: there is one of both at most.
    """

    precision: str
    comparison: Comparison
    timing: Timing | None
    size_bytes: int = 0
    forecast: Forecast | None = None


class Rates(Struct, frozen=True):
    """Precision, recall and F1, each 0 to 1; 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


class ClassFacts(Struct, frozen=True):
    """How well one class is told from all others. `samples` are those that truly belong to it."""

    label: str
    samples: int
    converted: Rates
    reference: Rates | None = None


class Confusion(Struct, frozen=True):
    """How often samples of one class were taken for another."""

    truth: str
    answer: str
    converted: int
    reference: int | None = None


class Measure(Struct, frozen=True):
    """A number that tells how good the models are, and what it is called."""

    name: str
    converted: float
    reference: float | None = None
    higher_is_better: bool = True


class ClassPrecision(Struct, frozen=True):
    """Average precision of one class of objects (COCO, IoU 0.50:0.05:0.95)."""

    label: str
    converted: float
    reference: float | None = None


class Quality(Struct, frozen=True):
    """Results on labelled data.

    `classes` and `confusions` belong to classification, `objects` to detection.
    """

    samples: int
    measures: tuple[Measure, ...]
    classes: tuple[ClassFacts, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    objects: tuple[ClassPrecision, ...] = ()


class LayerFacts(Struct, frozen=True):
    """One operator of the converted model against the same of the float model, errors from above included.

    `integer`: a product is computed in integers; any other result is stored in 8 bits. `macs_share`: of
    the model's multiply-accumulates, 0 to 1. `clipped`: the share of its result's values that lie outside
    of the range that is kept; what a Relu or Clip cuts off by design does not count. None: not in 8 bits.
    """

    name: str
    operator: str
    macs_share: float
    sqnr_db: float
    integer: bool
    clipped: float | None = None


class RangeFacts(Struct, frozen=True):
    """A quantized activation: what was seen in the float model, and what 8 bits can hold.

    `clipped`: the share of the values seen that lie outside.
    """

    tensor: str
    seen_low: float
    seen_high: float
    low: float
    high: float
    scale: float
    zero_point: int
    clipped: float


class FloatNode(Struct, frozen=True):
    """A convolution or matrix product that is not computed in integers, and why."""

    name: str
    operator: str
    macs_share: float
    reason: str


class KernelCount(Struct, frozen=True):
    """How often the runtime uses an operator. `kind`: integer, conversion (between both), or other."""

    operator: str
    count: int
    kind: str


class MemoryFacts(Struct, frozen=True):
    """The most bytes that the tensors between operators hold at a time, computed from the graphs."""

    reference_bytes: int
    converted_bytes: int


class Disagreement(Struct, frozen=True):
    """A sample on which the two models differ, and what each says. `differs`: another answer altogether."""

    sample: str
    truth: str
    reference: str
    converted: str
    differs: bool


class Details(Struct, frozen=True):
    """What `--report` adds: more than a summary needs, and work that a build without it is spared.

    `compared`: how many samples the models ran on for `disagreements`, `differing` of them with another
    answer; `looked_into`: on how many of them for `layers` and `ranges`.
    """

    provenance: Provenance
    quality: Quality | None = None
    compared: int = 0
    differing: int = 0
    disagreements: tuple[Disagreement, ...] = ()
    looked_into: int = 0
    layers: tuple[LayerFacts, ...] = ()
    ranges: tuple[RangeFacts, ...] = ()
    float_nodes: tuple[FloatNode, ...] = ()
    kernels: tuple[KernelCount, ...] = ()
    memory: MemoryFacts | None = None


class Report(Struct, frozen=True):
    """`report.json`, and what `--json` prints.

    `timing` is measured here, and null where that would mean nothing; then `forecast` is estimated for the
    device, or null too, and `timing_note` says why.
    `integer` is there for int8 ONNX; `development_key` is the file of the public half where that key signed;
    `details` with `--report`.
    """

    schema: int
    bundle: BundleFacts
    model: ModelFacts
    profile: str
    decisions: tuple[Decision, ...]
    data: str
    comparison: Comparison
    max_drop: float
    warnings: tuple[str, ...]
    golden_samples: int
    rejected: tuple[Trial, ...] = ()
    timing: Timing | None = None
    forecast: Forecast | None = None
    timing_note: str = ""
    next_step: str = ""
    integer: IntegerFacts | None = None
    development_key: str = ""
    details: Details | None = None
