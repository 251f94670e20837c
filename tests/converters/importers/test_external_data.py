"""External data: read from beside the model, and from nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.external_data import embed_external_data
from edgeinfer_converters.importers.messages import all_tensors

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def external_tensor(name: str = "w", **entries: str) -> TensorProto:
    """A 2×3 float tensor whose bytes are said to lie in a file."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2, 3])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": "w.bin"} | entries).items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def model_with(tensor: TensorProto) -> onnx.ModelProto:
    graph = helper.make_graph([], "g", [], [], [tensor])
    return helper.make_model(graph)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder, with its data file, and a secret beside the folder."""
    (tmp_path / "secret.bin").write_bytes(VALUES.tobytes())
    inside = tmp_path / "model"
    (inside / "sub").mkdir(parents=True)
    (inside / "w.bin").write_bytes(VALUES.tobytes())
    (inside / "sub" / "w.bin").write_bytes(b"\xff" * 8 + VALUES.tobytes())
    return inside


def embed(tensor: TensorProto, folder: Path) -> onnx.ModelProto:
    model = model_with(tensor)
    embed_external_data(model, folder / "model.onnx")
    return model


def test_the_bytes_become_raw_data(folder: Path) -> None:
    model = model_with(external_tensor())
    assert embed_external_data(model, folder / "model.onnx") == VALUES.nbytes
    tensor = model.graph.initializer[0]
    assert not tensor.external_data
    assert tensor.data_location == TensorProto.DEFAULT
    np.testing.assert_array_equal(numpy_helper.to_array(tensor), VALUES)


def test_offset_length_and_a_folder_below(folder: Path) -> None:
    tensor = external_tensor(location="./sub/w.bin", offset="8", length="24", checksum="unused")
    np.testing.assert_array_equal(numpy_helper.to_array(embed(tensor, folder).graph.initializer[0]), VALUES)


def test_what_onnx_itself_writes_can_be_read(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 64)), "w")
    model = model_with(weights)
    onnx.save_model(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0
    )
    read = onnx.load_model(tmp_path / "m.onnx", load_external_data=False)
    assert read.graph.initializer[0].external_data
    embed_external_data(read, tmp_path / "m.onnx")
    np.testing.assert_array_equal(
        numpy_helper.to_array(read.graph.initializer[0]), numpy_helper.to_array(weights)
    )


@pytest.mark.parametrize(
    "location",
    [
        *("../secret.bin", "sub/../../secret.bin", "..", "/etc/passwd", "//etc/passwd", "", "a\0b"),
        *("..\\secret.bin", "*/_ORT_MEM_ADDR_/*", "tag:_ORT_MEM_ADDR_"),
    ],
)
def test_locations_outside_the_folder(location: str, folder: Path) -> None:
    with pytest.raises(ModelError, match="external data of the tensor `w`"):
        embed(external_tensor(location=location), folder)


def test_a_symbolic_link(folder: Path) -> None:
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    with pytest.raises(ModelError, match="symbolic link"):
        embed(external_tensor(location="link.bin"), folder)


def test_a_symbolic_link_to_a_file_of_the_same_folder(folder: Path) -> None:
    (folder / "link.bin").symlink_to("w.bin")
    with pytest.raises(ModelError, match="symbolic link"):
        embed(external_tensor(location="link.bin"), folder)


def test_a_symbolic_link_among_the_parents(folder: Path) -> None:
    (folder / "up").symlink_to(folder.parent)
    with pytest.raises(ModelError, match="symbolic link"):
        embed(external_tensor(location="up/secret.bin"), folder)


def test_a_hard_link(folder: Path) -> None:
    os.link(folder.parent / "secret.bin", folder / "hard.bin")
    with pytest.raises(ModelError, match="hard link"):
        embed(external_tensor(location="hard.bin"), folder)


def test_a_folder_a_pipe_and_nothing(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for location, message in (("sub", "regular file"), ("pipe", "regular file"), ("no.bin", "No such file")):
        with pytest.raises(ModelError, match=message):
            embed(external_tensor(location=location), folder)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"offset": "1"}, "ends at byte 24, before byte 25"),
        ({"offset": "999999999999999"}, "ends at byte 24"),
        ({"offset": "-8"}, "is not a size"),
        ({"offset": "1e3"}, "is not a size"),
        ({"offset": "٣"}, "is not a size"),
        ({"offset": "9" * 40}, "is not a size"),
        ({"length": "20"}, "does not match"),
        ({"length": "28"}, "does not match"),
        ({"length": "-1"}, "is not a size"),
        ({"length": ""}, "is not a size"),
        ({"__class__": "x"}, "unknown or repeated keys"),
        ({"basepath": "/etc"}, "unknown or repeated keys"),
    ],
)
def test_entries_that_make_no_sense(entries: dict[str, str], message: str, folder: Path) -> None:
    with pytest.raises(ModelError, match=message):
        embed(external_tensor(**entries), folder)


def test_repeated_keys(folder: Path) -> None:
    tensor = external_tensor()
    tensor.external_data.add(key="location", value="/etc/passwd")
    with pytest.raises(ModelError, match="repeated keys"):
        embed(tensor, folder)


def test_shapes_and_types_that_make_no_sense(folder: Path) -> None:
    negative, strings, unknown, huge, deep = (external_tensor() for _ in range(5))
    deep.dims.extend([2**62] * 300_000)
    negative.dims[0] = -2
    strings.data_type = TensorProto.STRING
    unknown.data_type = 999
    huge.dims[:] = [2**62, 2**62]
    for tensor, message in (
        (negative, "negative dimension"),
        (deep, "it has 30000. dimensions"),
        (strings, "strings"),
        (unknown, "element type"),
        (huge, "is the most"),
    ):
        with pytest.raises(ModelError, match=message):
            embed(tensor, folder)


def test_external_entries_without_the_location_flag(folder: Path) -> None:
    tensor = external_tensor()
    tensor.data_location = TensorProto.DEFAULT
    with pytest.raises(ModelError, match="not EXTERNAL"):
        embed(tensor, folder)


def _in_sparse(tensor: TensorProto) -> onnx.ModelProto:
    model = model_with(TensorProto(name="other", data_type=TensorProto.FLOAT, dims=[0]))
    model.graph.sparse_initializer.add(values=tensor, dims=[10])
    return model


def _in_sparse_indices(tensor: TensorProto) -> onnx.ModelProto:
    model = model_with(TensorProto(name="other", data_type=TensorProto.FLOAT, dims=[0]))
    model.graph.sparse_initializer.add(indices=tensor, dims=[10])
    return model


def _in_constant(tensor: TensorProto) -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    return helper.make_model(helper.make_graph([node], "g", [], []))


def _in_sparse_constant(tensor: TensorProto) -> onnx.ModelProto:
    sparse = onnx.SparseTensorProto(values=tensor, dims=[10])
    node = helper.make_node("Constant", [], ["c"], sparse_value=sparse)
    return helper.make_model(helper.make_graph([node], "g", [], []))


def _in_attribute_list(tensor: TensorProto) -> onnx.ModelProto:
    node = onnx.NodeProto(op_type="Custom", domain="x", output=["c"])
    node.attribute.add(name="many", type=onnx.AttributeProto.TENSORS, tensors=[tensor])
    return helper.make_model(helper.make_graph([node], "g", [], []))


def _in_subgraph(tensor: TensorProto) -> onnx.ModelProto:
    inner = _in_constant(tensor).graph
    node = helper.make_node("If", ["flag"], ["c"], then_branch=inner, else_branch=inner)
    return helper.make_model(helper.make_graph([node], "g", [], []))


def _in_function(tensor: TensorProto) -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    function = helper.make_function("own", "f", [], ["c"], [node], [helper.make_opsetid("", 17)])
    return helper.make_model(helper.make_graph([], "g", [], []), functions=[function])


def _in_training(tensor: TensorProto) -> onnx.ModelProto:
    model = helper.make_model(helper.make_graph([], "g", [], []))
    model.training_info.add(algorithm=model_with(tensor).graph)
    return model


PLACES = [
    *(model_with, _in_sparse, _in_sparse_indices, _in_constant, _in_sparse_constant),
    *(_in_attribute_list, _in_subgraph, _in_function, _in_training),
]


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_a_model_is_checked(
    place: Callable[[TensorProto], onnx.ModelProto], folder: Path
) -> None:
    os.link(folder.parent / "secret.bin", folder / "hard.bin")
    for location in ("../secret.bin", "/etc/passwd", "hard.bin"):
        with pytest.raises(ModelError, match="external data of the tensor `w`"):
            embed_external_data(place(external_tensor(location=location)), folder / "model.onnx")


@pytest.mark.parametrize("place", PLACES)
def test_every_place_of_a_model_is_read(
    place: Callable[[TensorProto], onnx.ModelProto], folder: Path
) -> None:
    model = place(external_tensor())
    embed_external_data(model, folder / "model.onnx")
    found = [tensor for tensor in all_tensors(model) if tensor.name == "w"]
    assert found
    assert all(tensor.raw_data == VALUES.tobytes() and not tensor.external_data for tensor in found)


def test_nothing_is_opened_if_one_place_is_wrong(folder: Path) -> None:
    model = model_with(external_tensor())
    model.graph.initializer.append(external_tensor("x", location="../secret.bin"))
    with pytest.raises(ModelError, match="`x`"):
        embed_external_data(model, folder / "model.onnx")
    assert model.graph.initializer[0].external_data


@given(location=st.text(alphabet="./\\ab\0w*in_", max_size=12))
def test_no_location_reaches_the_secret(location: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("external")
    (root / "w").write_bytes(b"\1" * 24)
    (root / "a").mkdir()
    (root / "a" / "w").write_bytes(bytes(24))
    model = model_with(external_tensor(location=location))
    try:
        embed_external_data(model, root / "a" / "model.onnx")
    except ModelError:
        return
    assert model.graph.initializer[0].raw_data == bytes(24)


def test_a_model_without_external_data_is_left_alone(tmp_path: Path) -> None:
    model = model_with(numpy_helper.from_array(VALUES, "w"))
    before = model.SerializeToString()
    assert embed_external_data(model, tmp_path / "model.onnx") == 0
    assert model.SerializeToString() == before
