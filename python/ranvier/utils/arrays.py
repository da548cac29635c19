"""Anything a user may call data -> a NumPy array of numbers, or an error that names the argument (and the column).

Nothing is copied that NumPy can view: contiguous or strided arrays, memory maps and DataFrames of one dtype stay where
they are. Lists, nullable columns and DataFrames of several dtypes are converted once, as a whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier._symbolic import KerasTensor

NUMERIC_KINDS = "biuf"

_FIXES = {
    "strings": "turn labels into integers with classes, y = np.unique(y, return_inverse=True); "
    "and texts with TextVectorization",
    "complex numbers": "pass real and imaginary part as two features: np.stack([x.real, x.imag], axis=-1)",
    "dates or durations": "convert to a number first, e.g. days since the first date",
    "Python objects": "convert to numbers with np.asarray(x, dtype='float32'), after removing None and text; "
    "lists of different lengths with utils.pad_sequences",
    "records": "stack the numeric fields: numpy.lib.recfunctions.structured_to_unstructured(x)",
}


def as_array(value: Any, name: str, where: str = "fit") -> np.ndarray:
    """`value` as a numeric NumPy array with at least one axis, without a copy wherever NumPy can view it.

    Args:
        value: array of any layout, memory map, list, pandas DataFrame or Series, or anything with `__array__`.
        name: the argument's name for messages, e.g. `"x"`.
        where: the caller for messages, e.g. `"fit"`.

    Returns:
        An array of dtype bool, integer or floating (kind `b`, `i`, `u` or `f`), shape `(rows, ...)`.

    Raises:
        TypeError: strings, objects, dates, complex numbers, sparse matrices, generators.
        ValueError: rows of different lengths, masked entries, or a scalar.
    """
    place = f"[{where}] {name}:"
    if value is None:
        raise TypeError(f"{place} expected an array, received None.")
    if isinstance(value, KerasTensor):
        raise TypeError(f"{place} expected numbers, received {value!r}, which is symbolic; pass the data itself.")
    if isinstance(value, np.ndarray) and type(value).__name__ != "MaskedArray":
        array = value
    elif _is_pandas(value):
        array = _pandas_to_array(value, place)
    else:
        array = _other_to_array(value, place)
    if array.dtype.kind not in NUMERIC_KINDS:
        raise TypeError(_not_numeric(array, place))
    if array.ndim == 0:
        raise ValueError(
            f"{place} expected an array of rows, received the single number {array[()]}; wrap it: [value]."
        )
    return array


def column_names(value: Any) -> list[str] | None:
    """The column names of a pandas DataFrame (or `[name]` of a Series), `None` for everything else."""
    if not _is_pandas(value):
        return None
    if hasattr(value, "columns"):
        return [str(column) for column in value.columns]
    return None if getattr(value, "name", None) is None else [str(value.name)]


def describe(value: Any) -> str:
    """A short description of `value` for messages: type, shape and dtype as far as they exist."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    text = type(value).__name__
    if isinstance(shape, tuple):
        text += f" of shape {shape}"
    elif isinstance(value, list | tuple):
        text += f" of length {len(value)}"
    return f"{text} and dtype {dtype}" if dtype is not None else text


def holds_arrays(value: Any, rows: int | None) -> bool:
    """Whether a list or tuple holds arrays with `rows` rows each, and not the rows themselves."""
    if not isinstance(value, list | tuple) or not value:
        return False
    if not all(len(getattr(item, "shape", ())) > 0 for item in value):
        return False
    if rows is None:
        return isinstance(value, tuple)
    return len(value) != rows or all(len(item) == rows for item in value)


def _is_pandas(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "to_numpy")


def _pandas_to_array(value: Any, place: str) -> np.ndarray:
    if not hasattr(value, "columns"):
        return _series_to_array(value, place, getattr(value, "name", None))
    dtypes = list(value.dtypes)
    if not dtypes:
        raise ValueError(f"{place} expected a DataFrame with columns, received one of shape {value.shape}.")
    for column, dtype in zip(value.columns, dtypes, strict=True):
        if getattr(dtype, "kind", "O") not in NUMERIC_KINDS:
            raise TypeError(
                f"{place} expected numeric columns, received column {str(column)!r} of dtype {dtype}; "
                f"drop it or encode it, e.g. pandas.get_dummies(frame, columns=[{str(column)!r}])."
            )
    if all(isinstance(dtype, np.dtype) for dtype in dtypes) and len(set(dtypes)) == 1:
        return np.asarray(value)  # one block: a view
    columns = [_series_to_array(value.iloc[:, i], place, name) for i, name in enumerate(value.columns)]
    return np.stack([c.astype(np.result_type(*columns), copy=False) for c in columns], axis=1)


def _series_to_array(series: Any, place: str, column: Any) -> np.ndarray:
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return np.asarray(series)
    kind = getattr(dtype, "kind", "O")
    if kind not in NUMERIC_KINDS:
        named = "" if column is None else f" column {str(column)!r} of"
        raise TypeError(
            f"{place} expected numbers, received{named} dtype {dtype}; "
            "encode it as integers first, e.g. codes, labels = pandas.factorize(series)."
        )
    # Nullable columns: whole numbers stay whole unless something is missing, which becomes NaN and is reported as such.
    if bool(series.isna().any()):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    numpy_dtype = getattr(dtype, "numpy_dtype", None)
    return np.asarray(series.to_numpy(dtype=numpy_dtype if isinstance(numpy_dtype, np.dtype) else np.float64))


def _other_to_array(value: Any, place: str) -> np.ndarray:
    if type(value).__name__ == "MaskedArray":
        if bool(np.any(value.mask)):
            raise ValueError(f"{place} expected plain numbers, received masked entries; use x.filled(value) first.")
        return np.asarray(value.data)
    if hasattr(value, "toarray") and not hasattr(value, "__array__"):
        raise TypeError(f"{place} expected a dense array, received a sparse {describe(value)}; pass x.toarray().")
    if isinstance(value, dict):
        raise TypeError(
            f"{place} expected one array, received a dict with keys {list(value)[:5]}; "
            "stack its columns, e.g. np.stack(list(x.values()), axis=-1)."
        )
    if not hasattr(value, "__array__") and (hasattr(value, "__next__") or callable(value)):
        raise TypeError(
            f"{place} expected an array, received {describe(value)}; collect the rows first: np.array(list(rows))."
        )
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{place} expected rows of equal shape, received rows of different lengths ({error}); "
            "pad or cut them to one length; utils.pad_sequences does."
        ) from None


def _not_numeric(array: np.ndarray, place: str) -> str:
    kind = array.dtype.kind
    what = {"c": "complex numbers", "M": "dates or durations", "m": "dates or durations", "V": "records"}.get(kind)
    if what is None:
        what = "strings" if kind in "SUT" else "Python objects"
    example = ""
    if kind in "SUTO":
        for item in array.flat[:1000]:  # the first thing that is no number tells the most
            if not isinstance(item, int | float | np.number):
                example = f" such as {item!r}"[:60]
                what = "strings" if isinstance(item, str | bytes) else what
                break
    return f"{place} expected numbers, received {what}{example} (dtype {array.dtype}); {_FIXES[what]}."
