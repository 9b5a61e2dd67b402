"""Large fields of messages, encoded without copying them into the message first."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message

CELLS: Final = ("showers", "cells_mev", "data")
"""Where an answer with showers has their cells."""

_LENGTH_DELIMITED: Final = 2
_SEVEN_BITS: Final = 0x7F


def splice(message: Message, path: Sequence[str], data: memoryview) -> bytes:
    """Encode ``message`` with ``data`` in the bytes field that ``path`` names, by way of the messages around it.

    Where a message occurs twice in an encoded one, readers merge the two: that is how protobuf defines its encoding.
    So the field comes behind everything else, in messages of its own. The path must not lead through a repeated field.
    """
    encoded = message.SerializeToString()
    if not len(data):
        return encoded
    heads: list[bytes] = []
    length = data.nbytes
    for number in reversed(_field_numbers(message, path)):
        heads.insert(0, _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length))
        length += len(heads[0])
    return b"".join((encoded, *heads, data))


def _field_numbers(message: Message, path: Sequence[str]) -> list[int]:
    numbers = []
    fields = message.DESCRIPTOR.fields_by_name
    for name in path:
        numbers.append(fields[name].number)
        kind = fields[name].message_type
        fields = kind.fields_by_name if kind is not None else {}
    return numbers


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first, the eighth set in all but the last."""
    encoded = bytearray()
    while number > _SEVEN_BITS:
        encoded.append(number & _SEVEN_BITS | (_SEVEN_BITS + 1))
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
