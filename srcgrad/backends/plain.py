"""Plain data as bytes and back, for files: JSON, with arrays and bytes behind it. Reading runs no code.

    b'<length of the JSON in 8 bytes><JSON><bytes...>'

Numbers, strings, booleans and None stand for themselves, a list for a list; what else there is, is an object of one
entry: a tuple, bytes, a dtype, an array.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

_WORD = 8


def packed(value: Any) -> bytes:
    """A value as bytes; TypeError for what is not plain."""
    blobs: list[bytes] = []
    text = json.dumps(_encoded(value, blobs)).encode()
    return b"".join([len(text).to_bytes(_WORD, "little"), text, *blobs])


def unpacked(content: bytes) -> Any:
    """The value of bytes that `packed` made; of others some exception."""
    end = _WORD + int.from_bytes(content[:_WORD], "little")
    return _decoded(json.loads(content[_WORD:end]), memoryview(content)[end:])


def _encoded(value: Any, blobs: list[bytes]) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (tuple, list):
        parts = [_encoded(part, blobs) for part in value]
        return parts if kind is list else {"tuple": parts}
    if kind is bytes:
        return {"bytes": _put(value, blobs)}
    if isinstance(value, np.dtype) and value.kind in "biufc":
        return {"dtype": value.str}
    if kind is np.ndarray and value.dtype.kind in "biufc":
        return {"array": [value.dtype.str, list(value.shape), *_put(value.tobytes(), blobs)]}
    raise TypeError(f"a {kind.__name__} is not plain")


def _put(content: bytes, blobs: list[bytes]) -> list[int]:
    start = sum(map(len, blobs))
    blobs.append(content)
    return [start, len(content)]


def _decoded(value: Any, rest: memoryview) -> Any:
    if isinstance(value, list):
        return [_decoded(part, rest) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "tuple":
            return tuple(_decoded(part, rest) for part in content)
        case "bytes":
            return bytes(_blob(rest, *content))
        case "dtype":
            return _dtype(content)
        case "array":
            dtype, shape, *place = content
            return np.frombuffer(_blob(rest, *place), _dtype(dtype)).reshape(shape).copy()
    raise ValueError(f"plain data has no {kind}")


def _blob(rest: memoryview, start: int, length: int) -> memoryview:
    if not 0 <= start <= start + length <= len(rest):
        raise ValueError("bytes are missing")
    return rest[start : start + length]


def _dtype(text: str) -> np.dtype[Any]:
    dtype = np.dtype(text)
    if dtype.kind not in "biufc":
        raise ValueError(f"plain data has no {dtype}")
    return dtype
