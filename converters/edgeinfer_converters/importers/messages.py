"""Walking over the protobuf messages of a model, whatever fields hold them."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import TensorProto


def all_messages(message: Message) -> Iterator[Message]:
    """A message and every one inside it, however deep, in no particular order."""
    pending = [message]
    while pending:
        current = pending.pop()
        yield current
        for field, value in current.ListFields():
            if field.message_type is not None:
                pending.extend([value] if isinstance(value, Message) else value)


def all_tensors(message: Message) -> Iterator[TensorProto]:
    """Every TensorProto inside a message, wherever it stands."""
    return (one for one in all_messages(message) if isinstance(one, TensorProto))


def has_broken_text(message: Message) -> bool:
    """Whether a text anywhere in the message is not UTF-8: protobuf gives such a text as bytes."""
    for one in all_messages(message):
        for field, value in one.ListFields():
            if field.type != FieldDescriptor.TYPE_STRING:
                continue
            if any(
                isinstance(text, bytes) for text in ([value] if isinstance(value, str | bytes) else value)
            ):
                return True
    return False
