"""A float TFLite model as an ONNX graph."""

from __future__ import annotations

import gzip
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.importers.tflite_graph.graph import MAX_NAMED, import_graph, is_quantized
from tests.fixtures.tflite_graphs import Writer, agree, assert_near, network, options, run_litert, run_onnx

RNG = np.random.default_rng(15)


def test_a_network() -> None:
    agree(network())
    model = import_graph(network())
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == [
        *("Transpose", "Conv", "Relu", "Conv", "Clip", "Add", "Relu", "GlobalAveragePool", "Flatten"),
        "Gemm",
    ]
    assert [one.name for one in model.graph.input] == ["image"]
    assert [one.name for one in model.graph.output] == ["logits"]
    assert (model.opset_import[0].version, model.ir_version) == (13, 7)


def test_the_same_bytes_each_time() -> None:
    data = network()
    first, second = (import_graph(data).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_the_batch_is_open() -> None:
    data = network()
    model = import_graph(data)
    values = RNG.normal(size=(3, 16, 16, 3)).astype(np.float32)
    (together,) = run_onnx(model, {"image": values}).values()
    for place in range(3):
        alone = run_litert(data, {"image": values[place : place + 1]})["logits"]
        assert_near(together[place : place + 1], alone)


def test_the_prepared_graph_computes_the_same() -> None:
    data = network()
    prepared = prepare(import_graph(data), max_opset=18, max_ir_version=10)
    inputs = {"image": RNG.normal(size=(1, 16, 16, 3)).astype(np.float32)}
    assert_near(run_onnx(prepared, inputs)["logits"], run_litert(data, inputs)["logits"])
    assert [node.op_type for node in prepared.graph.node].count("Transpose") == 1


def test_what_no_output_depends_on_is_left_out() -> None:
    writer = Writer()
    name = writer.input(3)
    wanted = writer.operator("RELU", [name])
    writer.operator("custom Mystery", [name])
    writer.graph.outputs = [wanted]
    writer.graph.tensors[wanted].shape = [3]
    assert [node.op_type for node in import_graph(writer.pack()).graph.node] == ["Relu"]


def test_operators_without_an_equal_are_all_named() -> None:
    writer = Writer()
    name = writer.operator("custom Mystery", [writer.input(4, 9)])
    name = writer.operator("RELU", [name])
    counts = writer.input(1, dtype="int32", name="k")
    name = writer.operators("TOPK_V2", [name, counts], None, dtypes=["float32", "int32"])[0]
    name = writer.operator("SVDF", [name])
    writer.graph.outputs = [name]
    with pytest.raises(ModelError) as caught:
        import_graph(writer.pack())
    message = caught.value.message
    for part in (
        "custom Mystery (`custom Mystery_1`)",
        "TOPK_V2 (`TOPK_V2_4, TOPK_V2_5`)",
        "SVDF (`SVDF_6`)",
    ):
        assert part in message
    assert "it is given its count only while the model runs" in message
    assert "RELU" not in message
    assert "--format tflite" in caught.value.hint


def test_of_very_many_only_some_are_named() -> None:
    writer = Writer()
    name = writer.input(3)
    for _ in range(MAX_NAMED + 5):
        name = writer.operator("custom Mystery", [name])
    writer.graph.outputs = [name]
    with pytest.raises(ModelError, match="and 5 more"):
        import_graph(writer.pack())


@pytest.mark.parametrize(
    ("shape", "signature", "message"),
    [
        ((1, 8, 8, 3), (-1, -1, 8, 3), "input `input_0` leaves axis 1 open"),
        ((1,), (-1,), "input `input_0` leaves axis 0 open"),
    ],
)
def test_open_sizes_other_than_the_batch(
    shape: tuple[int, ...], signature: tuple[int, ...], message: str
) -> None:
    writer = Writer()
    writer.graph.outputs = [writer.operator("RELU", [writer.input(*shape, signature=signature)])]
    with pytest.raises(ModelError, match=message) as caught:
        import_graph(writer.pack())
    assert "fixed input shapes" in caught.value.hint


def test_a_size_that_is_open_inside() -> None:
    writer = Writer()
    name = writer.operator("RELU", [writer.input(1, 8, 8, 3)])
    writer.graph.tensors[name].shape = [1, 1, 8, 3]
    writer.graph.tensors[name].shapeSignature = [1, -1, 8, 3]
    made = options("Pool2D", strideH=1, strideW=1, filterHeight=2, filterWidth=2)
    writer.graph.outputs = [writer.operator("MAX_POOL_2D", [name], made)]
    agree(writer.pack())


def test_sizes_that_nothing_settles() -> None:
    """LiteRT cannot run the model to find out."""
    writer = Writer()
    name = writer.operator("custom Mystery", [writer.input(1, 8, 8, 3)])
    writer.graph.tensors[name].shape = [1, 1, 8, 3]
    writer.graph.tensors[name].shapeSignature = [1, -1, 8, 3]
    made = options("Pool2D", strideH=1, strideW=1, filterHeight=2, filterWidth=2)
    writer.graph.outputs = [writer.operator("MAX_POOL_2D", [name], made)]
    with pytest.raises(ModelError, match=r"custom Mystery.*ONNX has nothing like it"):
        import_graph(writer.pack())


def test_quantized_models_are_told_apart() -> None:
    assert not is_quantized(network())
    writer = Writer()
    weights = writer.scaled(writer.constant(np.ones((4, 3)), "int8"))
    data_ = [writer.input(1, 3), weights]
    writer.graph.outputs = [writer.operator("FULLY_CONNECTED", data_, options("FullyConnected"))]
    assert is_quantized(writer.pack())
    with pytest.raises(ModelError, match="quantized already"):
        import_graph(writer.pack())


def test_shapes_that_contradict_each_other() -> None:
    writer = Writer()
    name = writer.operator("RELU", [writer.input(2, 3)])
    writer.graph.outputs = [name]
    writer.graph.tensors[name].shape = [2, 4]
    with pytest.raises(ModelError, match="contradict each other"):
        import_graph(writer.pack())


def test_types_that_contradict_each_other() -> None:
    writer = Writer()
    name = writer.operator("ADD", [writer.input(2, 3), writer.constant(1, "int32")], options("Add"))
    writer.graph.outputs = [name]
    writer.graph.tensors[name].shape = [2, 3]
    with pytest.raises(ModelError, match="contradict each other"):
        import_graph(writer.pack())


def test_an_operator_before_the_one_that_it_reads() -> None:
    writer = Writer()
    first = writer.operator("RELU", [writer.input(3)])
    second = writer.operator("NEG", [first])
    writer.graph.outputs = [second]
    writer.graph.operators.reverse()
    with pytest.raises(ModelError, match="before anything has written it"):
        import_graph(writer.pack())


def test_an_input_that_is_an_output() -> None:
    writer = Writer()
    name = writer.input(3)
    other = writer.operator("RELU", [name])
    writer.graph.tensors[other].shape = [3]
    writer.graph.outputs = [name, other]
    values = {"input_0": np.array([-1, 0, 1], np.float32)}
    found = run_onnx(import_graph(writer.pack()), values)
    assert found["input_0"].tolist() == [-1, 0, 1]
    assert found[f"RELU_{other}"].tolist() == [0, 0, 1]


def samples(zoo: Path, name: str) -> list[Array]:
    """Inputs of the test data, one by one."""
    if name == "mnist":
        with gzip.open(zoo / "datasets" / "mnist" / "t10k-images-idx3-ubyte.gz") as stream:
            pixels = np.frombuffer(stream.read(16 + 28 * 28 * 50)[16:], np.uint8)
        return list(pixels.reshape(-1, 1, 28, 28).astype(np.float32) / 255)
    with np.load(zoo / "datasets" / f"{name}_test.npz") as found:
        pictures = found["images"][:50].astype(np.float32)
    return list(pictures[:, None] / (255 if name == "vww" else 1))


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("mlperf_tiny/ic_resnet8_cifar10_fp32.tflite", "cifar10"),
        ("mlperf_tiny/vww_mobilenetv1_025_96_fp32.tflite", "vww"),
        ("misc/mnist_lstm_fp32.tflite", "mnist"),
    ],
)
def test_real_models_agree_on_real_data(zoo: Path, path: str, data: str) -> None:
    flat = (zoo / "models" / path).read_bytes()
    prepared = prepare(import_graph(flat), max_opset=18, max_ir_version=10)
    (name,) = (one.name for one in prepared.graph.input)
    for sample in samples(zoo, data):
        wanted, found = run_litert(flat, {name: sample}), run_onnx(prepared, {name: sample})
        for output, reference in wanted.items():
            assert_near(found[output], reference, 1e-4)


@pytest.mark.zoo
def test_every_float_model_of_the_zoo_is_imported_and_no_other(zoo: Path) -> None:
    files = sorted((zoo / "models").rglob("*.tflite"))
    floats = [path for path in files if not is_quantized(path.read_bytes())]
    assert [path.stem for path in floats] == [path.stem for path in files if path.stem.endswith("fp32")]
    for path in floats:
        onnx.checker.check_model(import_graph(path.read_bytes()), full_check=True)


@pytest.mark.zoo
def test_hostile_files_end_in_an_error_or_a_graph(zoo: Path) -> None:
    files = sorted((zoo / "hostile").rglob("*.tflite"))
    assert files
    for path in files:
        with suppress(ModelError):
            import_graph(path.read_bytes())
