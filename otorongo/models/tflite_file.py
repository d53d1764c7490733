"""Which tensors a .tflite file gives out, changed in the file itself, with nothing but the standard library.

A .tflite file is a FlatBuffer: tables of offsets. A network's last step may throw away what is wanted (a sigmoid in
eight bits flattens small probabilities to nothing), while the tensor before it is there. This appends a new list of
outputs to the file and points the first subgraph at it; every other byte stays as it was.
Format: the FlatBuffers internals document, and tensorflow/lite/schema/schema.fbs.
"""

import struct
from collections.abc import Sequence
from typing import Final

from otorongo.models.errors import BundleError

_IDENTIFIER: Final = b"TFL3"
_SUBGRAPHS: Final = 2
"""Field of the table Model."""
_TENSORS: Final = 0
"""Fields of the table SubGraph."""
_OUTPUTS: Final = 2


def with_outputs(data: bytes, tensors: Sequence[int]) -> bytes:
    """The same network, whose outputs are these tensors of its first subgraph. Raises BundleError."""
    try:
        if data[4:8] != _IDENTIFIER:
            raise BundleError("is no .tflite file")
        subgraphs = _target(data, _field(data, _target(data, 0), _SUBGRAPHS))
        subgraph = _target(data, subgraphs + 4)
        count = _u32(data, _target(data, _field(data, subgraph, _TENSORS)))
        pointer = _field(data, subgraph, _OUTPUTS)
    except (struct.error, IndexError) as error:
        raise BundleError(f"is a damaged .tflite file: {error}") from error
    wrong = [each for each in tensors if not 0 <= each < count]
    if wrong or not tensors:
        raise BundleError(f"has no tensors {wrong} (allowed: 0 to {count - 1})")
    out = bytearray(data) + bytes(-len(data) % 4)
    struct.pack_into("<I", out, pointer, len(out) - pointer)
    return bytes(out) + struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def _target(data: bytes, at: int) -> int:
    """Where the offset that stands at `at` points."""
    return at + _u32(data, at)


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a table stands. Raises BundleError if it was left out."""
    places = table - int(struct.unpack_from("<i", data, table)[0])
    size = int(struct.unpack_from("<H", data, places)[0])
    entry = 4 + 2 * number
    offset = int(struct.unpack_from("<H", data, places + entry)[0]) if entry < size else 0
    if not offset:
        raise BundleError(f"has no field {number} in its table at {table}")
    return table + offset
