"""Products that make a spectrum of the raw signal."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import float_math as arithmetic
from edgeinfer_converters.quantize import placement as placing
from edgeinfer_converters.quantize.front_end import front_end
from edgeinfer_converters.quantize.placement import place
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import exact_integer, graph_of, node, run, sqnr_db

RNG = np.random.default_rng(3)
FRAMES, LENGTH, BANDS = 40, 32, 12
TURNS = np.outer(np.arange(LENGTH), np.arange(LENGTH // 2 + 1)) * 2 * np.pi / LENGTH
WEIGHTS: dict[str, np.ndarray] = {
    "cos": np.cos(TURNS),
    "sin": np.sin(TURNS),
    "bank": np.abs(RNG.normal(0, 0.3, (LENGTH // 2 + 1, BANDS))),
    "hidden": RNG.normal(0, 0.3, (BANDS, 200)),
    "last": RNG.normal(0, 0.3, (200, 4)),
    "window": np.hanning(LENGTH),
    "least": np.array(1e-6),
    "lowpass": RNG.normal(0, 0.3, (LENGTH, LENGTH)),
}


def magnitudes(source: str) -> list[onnx.NodeProto]:
    """The spectrum of frames, through a bank of filters, as logarithms: `logs`."""
    return [
        node("MatMul", source, "cos", "real"),
        node("MatMul", source, "sin", "imaginary"),
        node("Mul", "real", "real", "real_2"),
        node("Mul", "imaginary", "imaginary", "imaginary_2"),
        node("Add", "real_2", "imaginary_2", "power"),
        node("Sqrt", "power", "magnitude"),
        node("MatMul", "magnitude", "bank", "bands"),
        node("Max", "bands", "least", "safe"),
        node("Log", "safe", "logs"),
    ]


def network(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A graph from frames to four numbers for each."""
    used = {name for one in nodes for name in one.input}
    weights = {name: value for name, value in WEIGHTS.items() if name in used}
    return graph_of(nodes, (1, FRAMES, 4), weights, shape=(1, FRAMES, LENGTH))


BEHIND = [
    node("MatMul", "logs", "hidden", "a"),
    node("Relu", "a", "b"),
    node("MatMul", "b", "last", "y"),
]


def sound() -> onnx.ModelProto:
    """A window, a spectrum and a network behind it."""
    return network(node("Mul", "x", "window", "w"), *magnitudes("w"), *BEHIND)


def test_a_spectrum_and_its_bands() -> None:
    view = GraphView(sound())
    assert front_end(view) == {"real", "imaginary", "bands"}
    placement = place(view)
    assert {*placement.floats} == {"real", "imaginary", "bands"}
    assert placement.floats["bands"] == "it makes a spectrum of the signal"
    assert placement.nodes == {"a", "y"}
    assert placement.tensors[0] == "logs"


def test_filters_in_a_row() -> None:
    """A low pass in front, as constant-Q transforms have."""
    view = GraphView(
        network(
            node("MatMul", "x", "lowpass", "low"), node("Identity", "low", "w"), *magnitudes("w"), *BEHIND
        )
    )
    assert front_end(view) >= {"real", "imaginary", "bands"}


def test_a_spectrum_by_an_operator() -> None:
    """As PyTorch exports torch.stft: the signal must not be rounded on its way there."""
    nodes = [
        node("Reshape", "x", "whole", "signal"),
        node("STFT", "signal", "step", "window", "spectrum", onesided=1),
        node("Mul", "spectrum", "spectrum", "squares"),
        node("ReduceSum", "squares", "parts", "power", keepdims=0),
        node("MatMul", "power", "bank", "bands"),
        node("Max", "bands", "least", "safe"),
        node("Log", "safe", "logs"),
        *BEHIND,
    ]
    numbers = {"whole": np.array([1, -1]), "step": np.array(LENGTH), "parts": np.array([3])}
    used = {name for one in nodes for name in one.input}
    weights = {name: value for name, value in WEIGHTS.items() if name in used} | numbers
    graph = graph_of(nodes, (1, FRAMES, 4), weights, shape=(1, FRAMES, LENGTH))
    placement = place(GraphView(graph))
    assert {*placement.floats} == {"bands"}
    assert placement.tensors[0] == "logs"


def test_a_network_that_ends_in_a_logarithm() -> None:
    nodes = [
        node("MatMul", "x", "lowpass", "a"),
        node("Relu", "a", "b"),
        node("MatMul", "b", "lowpass", "c"),
        node("Abs", "c", "d"),
        node("Log", "d", "e"),
        node("Slice", "e", "zero", "four", "two", "y"),
    ]
    numbers = {"zero": np.array([0]), "four": np.array([4]), "two": np.array([2])}
    graph = graph_of(
        nodes, (1, FRAMES, 4), {"lowpass": WEIGHTS["lowpass"], **numbers}, shape=(1, FRAMES, LENGTH)
    )
    assert front_end(GraphView(graph)) == frozenset()


def test_a_norm_is_no_spectrum() -> None:
    """The first layer of networks that normalize: what it makes is read as it is, too."""
    nodes = [
        node("MatMul", "x", "lowpass", "a"),
        node("ReduceMean", "a", "mean", axes=[-1]),
        node("Sub", "a", "mean", "centred"),
        node("Mul", "centred", "centred", "square"),
        node("ReduceMean", "square", "variance", axes=[-1]),
        node("Sqrt", "variance", "root"),
        node("Div", "centred", "root", "normal"),
        node("MatMul", "normal", "cos4", "y"),
    ]
    weights = {"lowpass": WEIGHTS["lowpass"], "cos4": WEIGHTS["cos"][:, :4]}
    graph = graph_of(nodes, (1, FRAMES, 4), weights, shape=(1, FRAMES, LENGTH))
    assert front_end(GraphView(graph)) == frozenset()


def test_spectra_behind_a_layer_are_the_networks_own() -> None:
    nodes = [node("MatMul", "x", "lowpass", "low"), node("Relu", "low", "w"), *magnitudes("w"), *BEHIND]
    assert front_end(GraphView(network(*nodes))) == frozenset()


def test_a_spectrum_that_is_an_output_or_read_as_it_is() -> None:
    nodes = [
        node("MatMul", "x", "cos", "real"),
        node("Mul", "real", "real", "power"),
        node("Add", "power", "real", "both"),
        node("MatMul", "both", "bank4", "y"),
    ]
    graph = graph_of(
        nodes,
        (1, FRAMES, 4),
        {"cos": WEIGHTS["cos"], "bank4": WEIGHTS["bank"][:, :4]},
        shape=(1, FRAMES, LENGTH),
    )
    assert front_end(GraphView(graph)) == frozenset()


def test_squares_alone_are_no_spectrum() -> None:
    """Polynomials as activations, and distances to centres."""
    nodes = [
        node("MatMul", "x", "lowpass", "a"),
        node("Mul", "a", "a", "b"),
        node("MatMul", "b", "lowpass", "c"),
        node("Mul", "c", "c", "d"),
        node("Sub", "d", "window", "e"),
        node("Pow", "e", "two", "f"),
        node("Neg", "f", "g"),
        node("Exp", "g", "h"),
        node("MatMul", "h", "narrow", "y"),
    ]
    weights = {name: WEIGHTS[name] for name in ("lowpass", "window")}
    weights |= {"two": np.array(2.0), "narrow": WEIGHTS["cos"][:, :4]}
    graph = graph_of(nodes, (1, FRAMES, 4), weights, shape=(1, FRAMES, LENGTH))
    assert front_end(GraphView(graph)) == frozenset()


def test_roots_by_powers() -> None:
    """As BirdNET has them; an exponent above one is no root."""
    for exponent, found in ((0.23, {"bands"}), (1.5, set())):
        nodes = [
            node("MatMul", "x", "lowpass_12", "bands"),
            node("Mul", "bands", "bands", "power"),
            node("Pow", "power", "exponent", "logs"),
            *BEHIND,
        ]
        used = {name for one in nodes for name in one.input}
        weights = {name: value for name, value in WEIGHTS.items() if name in used}
        weights |= {"lowpass_12": WEIGHTS["lowpass"][:, :BANDS], "exponent": np.array(exponent)}
        graph = graph_of(nodes, (1, FRAMES, 4), weights, shape=(1, FRAMES, LENGTH))
        assert front_end(GraphView(graph)) == found


def test_recurrent_layers_count_as_the_network() -> None:
    nodes = [
        *magnitudes("x"),
        node("Transpose", "logs", "steps", perm=[1, 0, 2]),
        helper.make_node("GRU", ["steps", "gw", "gr"], ["", "state"], "gru", hidden_size=64),
        node("MatMul", "state", "small", "y"),
    ]
    used = {name for one in nodes for name in one.input}
    weights = {name: value for name, value in WEIGHTS.items() if name in used}
    weights |= {"gw": RNG.normal(size=(1, 192, BANDS)), "gr": RNG.normal(size=(1, 192, 64))}
    weights["small"] = RNG.normal(size=(64, 4))
    graph = graph_of(nodes, (1, 1, 4), weights, shape=(1, FRAMES, LENGTH))
    assert front_end(GraphView(graph)) == {"real", "imaginary", "bands"}


def test_what_is_little_else_stays_integer() -> None:
    """A filter bank with one small layer behind it is the network."""
    nodes = [*magnitudes("x"), node("MatMul", "logs", "small", "y")]
    weights = {**WEIGHTS, "small": WEIGHTS["hidden"][:, :4]}
    used = {name for one in nodes for name in one.input}
    graph = graph_of(
        nodes,
        (1, FRAMES, 4),
        {name: value for name, value in weights.items() if name in used},
        shape=(1, FRAMES, LENGTH),
    )
    assert front_end(GraphView(graph)) == frozenset()


def test_quiet_tones_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames between loud and a thousandth of that, whose logarithms count alike."""
    graph = sound()
    apart = _sqnr_db(graph)
    for module in (placing, arithmetic):
        monkeypatch.setattr(module, "front_end", lambda _: frozenset())
    assert apart > 30.0
    assert apart > _sqnr_db(graph) + 10.0


def _sqnr_db(graph: onnx.ModelProto) -> float:
    """Of the int8 model on samples that it was not calibrated on."""
    seen, unseen = _frames(0), _frames(1)
    ranges = observe(graph, seen, total=len(seen), progress=lambda _: None)
    quantized = quantize_int8(graph, ranges, exact_integer())
    wanted, found = (np.stack([run(model, one)[0] for one in unseen]) for model in (graph, quantized))
    return sqnr_db(wanted, found)


def _frames(seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    loud = 10.0 ** rng.uniform(-3, 0, size=(16, FRAMES, 1))
    values = (rng.normal(size=(16, FRAMES, LENGTH)) * loud).astype(np.float32)
    return [{"x": one[None]} for one in values]
