"""Large fields of messages, encoded without copying them into the message first."""

from functools import cache
from typing import Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

CELLS: Final = ("showers", "cells_mev", "data")
"""Where an answer with showers has their cells."""

_LENGTH_DELIMITED: Final = 2
_SEVEN_BITS: Final = 0x7F


def splice(message: Message, path: tuple[str, ...], data: memoryview) -> bytes:
    """Encode ``message`` with ``data`` in the bytes field that ``path`` names, by way of the messages around it.

    Where a message occurs twice in an encoded one, readers merge the two: that is how protobuf defines its encoding.
    So the field comes behind everything else, in messages of its own. The path must not lead through a repeated field.
    """
    encoded = message.SerializeToString()
    if not len(data):
        return encoded
    head, length = b"", data.nbytes
    for tag in _tags(message.DESCRIPTOR, path):  # the innermost first
        head = b"".join((tag, _varint(length), head))
        length = data.nbytes + len(head)
    return b"".join((encoded, head, data))


@cache
def _tags(kind: Descriptor, path: tuple[str, ...]) -> tuple[bytes, ...]:
    """How each field on the path is announced, the innermost first."""
    tags: list[bytes] = []
    fields = kind.fields_by_name
    for name in path:
        tags.insert(0, _varint(fields[name].number << 3 | _LENGTH_DELIMITED))
        inner = fields[name].message_type
        fields = inner.fields_by_name if inner is not None else {}
    return tuple(tags)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first, the eighth set in all but the last."""
    encoded = bytearray()
    while number > _SEVEN_BITS:
        encoded.append(number & _SEVEN_BITS | (_SEVEN_BITS + 1))
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
