"""From pyarrow to numpy without pandas: `to_numpy` would import it, 0.2 s of CPU for nothing."""

from __future__ import annotations

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
