"""Between pyarrow and numpy without pandas, which `to_numpy` and `pa.array` would import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_array(column: Any) -> NDArray[Any]:
    """Return an own array of a numeric or boolean column without nulls (chunked or not)."""
    import pyarrow as pa

    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    if pa.types.is_boolean(column.type):
        return np.array([x for chunk in chunks for x in chunk.to_pylist()], dtype=np.bool_)
    parts = [np.from_dlpack(chunk) for chunk in chunks if len(chunk)]
    if not parts:
        return np.empty(0, dtype=str(column.type).replace("double", "float64"))
    return np.concatenate(parts)


def to_floats(column: Any) -> NDArray[np.float64]:
    """Return an own float64 array of a numeric column, nulls as NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wide = column.cast(pa.float64(), safe=False)
    if wide.null_count:
        wide = pc.fill_null(wide, float("nan"))
    return np.asarray(to_array(wide), dtype=np.float64)


def from_numbers(array: NDArray[Any]) -> Any:
    """Return a pyarrow array over an int64, int32, int8 or float64 array; NaN stays NaN, not null.

    `pa.array` would import pandas to ask whether it was given a Series.
    """
    import pyarrow as pa

    values = np.ascontiguousarray(array)
    kinds = {
        "int64": pa.int64(), "int32": pa.int32(), "int8": pa.int8(), "float64": pa.float64()
    }  # fmt: skip
    kind = kinds[values.dtype.name]
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def from_texts(texts: Sequence[str]) -> Any:
    """Return a pyarrow string array."""
    import pyarrow as pa

    encoded = [text.encode("utf-8") for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    buffers = (pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))
    return pa.StringArray.from_buffers(len(encoded), *buffers)
