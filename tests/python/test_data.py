"""DataLoader: batches, orders, layouts, exact resume, and what it refuses."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ranvier import config, ops
from ranvier.data import Batch, DataLoader, epoch_order, gather


def table(rows: int = 10, columns: int = 3) -> np.ndarray:
    return np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)


def test_batches_cover_all_rows_in_order_and_the_last_is_short() -> None:
    x, y = table(10), np.arange(10)
    loader = DataLoader(x, y, batch_size=4)
    batches = list(loader)
    assert len(loader) == 3
    assert [len(b) for b in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([b.inputs for b in batches]), x)
    np.testing.assert_array_equal(np.concatenate([b.targets for b in batches]), y)


def test_a_batch_unpacks_as_pair_and_as_triple_with_weights() -> None:
    x, y, w = table(4), np.arange(4), np.array([1.0, 2.0, 3.0, 4.0])
    inputs, targets = next(iter(DataLoader(x, y, batch_size=2)))
    np.testing.assert_array_equal(inputs, x[:2])
    np.testing.assert_array_equal(targets, [0, 1])
    batch = next(iter(DataLoader(x, y, batch_size=2, sample_weight=w)))
    inputs, targets, weights = batch
    np.testing.assert_array_equal(weights, [1, 2])
    assert batch.sample_weight is weights and weights.dtype == config.floatx()
    inputs, targets = next(iter(DataLoader(x, batch_size=2)))
    assert targets is None and inputs.shape == (2, 3)


def test_a_batch_describes_itself() -> None:
    assert repr(Batch(np.zeros((2, 3), np.float32), np.zeros(2, np.int64), None)) == (
        "Batch(inputs=float32(2, 3), targets=int64(2,))"
    )


def test_drop_last() -> None:
    loader = DataLoader(table(10), batch_size=4, drop_last=True)
    assert len(loader) == 2 and [len(b) for b in loader] == [4, 4]
    with pytest.raises(ValueError, match=r"drop_last=True leaves no batch.*10 rows.*batch_size is 11"):
        DataLoader(table(10), batch_size=11, drop_last=True)


def test_shuffle_pairs_rows_with_their_targets_and_weights_and_covers_all() -> None:
    x = table(101)
    seen = []
    for batch in DataLoader(x, x[:, 0], batch_size=8, shuffle=True, sample_weight=x[:, 1], seed=3):
        np.testing.assert_array_equal(batch.inputs[:, 0], batch.targets)
        np.testing.assert_array_equal(batch.inputs[:, 1], batch.sample_weight)
        seen.append(batch.targets)
    order = np.concatenate(seen)
    assert not np.array_equal(order, x[:, 0])
    np.testing.assert_array_equal(np.sort(order), x[:, 0])


def test_same_seed_same_batches_and_a_new_order_each_epoch() -> None:
    def epochs(seed: int | None) -> list[np.ndarray]:
        loader = DataLoader(np.arange(50), batch_size=7, shuffle=True, seed=seed)
        return [np.concatenate([b.inputs for b in loader]) for _ in range(3)]

    first, again, other = epochs(5), epochs(5), epochs(6)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[1], first[2])
    assert not np.array_equal(first[0], other[0])
    random.seed(11)
    by_global_seed = epochs(None)
    random.seed(11)
    np.testing.assert_array_equal(by_global_seed[2], epochs(None)[2])


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_only() -> None:
    loader = DataLoader(np.arange(20), batch_size=20, shuffle=True, seed=9)
    for epoch in range(3):
        (batch,) = loader
        np.testing.assert_array_equal(batch.inputs, epoch_order(20, 9, epoch))
    np.testing.assert_array_equal(np.sort(epoch_order(1000, -1, 7)), np.arange(1000))


def test_leaving_a_loop_early_starts_a_new_epoch_next_time() -> None:
    loader = DataLoader(np.arange(20), batch_size=5, shuffle=True, seed=1)
    for _ in loader:
        break
    rows = np.concatenate([b.inputs for b in loader])
    np.testing.assert_array_equal(rows, epoch_order(20, 1, 1))


@pytest.mark.parametrize("stop_after", [1, 3, 4])
def test_resume_is_exact(stop_after: int) -> None:
    def stream(loader: DataLoader, count: int) -> list[np.ndarray]:
        out: list[np.ndarray] = []
        while len(out) < count:
            for batch in loader:
                out.append(batch.inputs)
                if len(out) == count:
                    break
        return out

    whole = stream(DataLoader(np.arange(19), batch_size=5, shuffle=True, seed=2), 12)
    interrupted = DataLoader(np.arange(19), batch_size=5, shuffle=True, seed=2)
    head = stream(interrupted, stop_after)
    resumed = DataLoader(np.arange(19), batch_size=5, shuffle=True, seed=77)
    resumed.set_state(interrupted.state())
    tail = stream(resumed, 12 - stop_after)
    for a, b in zip(whole, head + tail, strict=True):
        np.testing.assert_array_equal(a, b)


def test_set_state_refuses_a_state_of_other_data() -> None:
    state = DataLoader(table(10), batch_size=4).state()
    with pytest.raises(ValueError, match=r"expected rows=11, received a state with rows=10"):
        DataLoader(table(11), batch_size=4).set_state(state)
    with pytest.raises(ValueError, match=r"batch_size=5, received a state with batch_size=4"):
        DataLoader(table(10), batch_size=5).set_state(state)
    with pytest.raises(ValueError, match=r"without \['seed'"):
        DataLoader(table(10), batch_size=4).set_state({})
    with pytest.raises(ValueError, match=r"batch in 0\.\.2, received epoch 0 and batch 3"):
        DataLoader(table(10), batch_size=4).set_state({**state, "batch": 3})


def test_floats_become_floatx_and_integers_stay() -> None:
    for dtype in (np.float16, np.float64, np.longdouble, ">f4", ">f8"):
        batch = next(iter(DataLoader(table(4).astype(dtype), shuffle=True, seed=0)))
        assert batch.inputs.dtype == np.dtype(config.floatx()) and batch.inputs.dtype.isnative
        np.testing.assert_array_equal(np.sort(batch.inputs, axis=0), table(4))
    for dtype in (np.uint8, np.int64, np.bool_, ">i4"):
        for shuffle in (False, True):
            batch = next(iter(DataLoader(np.ones((4, 2), dtype), batch_size=4, shuffle=shuffle)))
            assert batch.inputs.dtype == np.dtype(dtype).newbyteorder("=") and batch.inputs.all()


def test_floatx_is_followed() -> None:
    before = config.floatx()
    try:
        config.set_floatx("float64")
        x = np.array([[1 / 3], [2 / 3]])
        np.testing.assert_array_equal(next(iter(DataLoader(x))).inputs, x)
    finally:
        config.set_floatx(before)


@pytest.mark.parametrize("shuffle", [False, True])
def test_any_layout_gives_contiguous_batches_of_their_own(shuffle: bool) -> None:
    base = np.arange(240, dtype=np.float32).reshape(20, 12)
    images = base.reshape(20, 3, 4)
    for x in (np.asfortranarray(base), base[:, ::2], base[::-1], base[5:, 3:7], base.T, images.transpose(0, 2, 1)):
        before = x.copy()
        batches = list(DataLoader(x, batch_size=6, shuffle=shuffle, seed=4))
        assert all(b.inputs.flags.c_contiguous and b.inputs.flags.owndata for b in batches)
        order = epoch_order(len(x), 4, 0) if shuffle else np.arange(len(x))
        np.testing.assert_array_equal(np.concatenate([b.inputs for b in batches]), before[order])
        batches[0].inputs[:] = -1
        np.testing.assert_array_equal(x, before)


def test_lists_and_objects_with_array() -> None:
    class Wrapped:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return table(3)

    np.testing.assert_array_equal(next(iter(DataLoader([[1, 2], [3, 4]]))).inputs, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(next(iter(DataLoader(Wrapped()))).inputs, table(3))


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.5, 2.5, 3.5], "b": [1, 2, 3], "c": [True, False, True]})
    batch = next(iter(DataLoader(frame, frame["b"], batch_size=3)))
    np.testing.assert_array_equal(batch.inputs, [[1.5, 1, 1], [2.5, 2, 0], [3.5, 3, 1]])
    assert batch.inputs.dtype == np.dtype(config.floatx()) and batch.targets.dtype == np.int64
    nullable = pandas.Series([1, 2, 3], dtype="Int64")
    assert next(iter(DataLoader(nullable))).inputs.dtype == np.int64
    with_gap = next(iter(DataLoader(pandas.Series([1, None, 3], dtype="Int64")))).inputs
    np.testing.assert_array_equal(with_gap, [1, np.nan, 3])
    with pytest.raises(TypeError, match=r"\[DataLoader\] x: expected numeric columns, received column 'town'"):
        DataLoader(pandas.DataFrame({"a": [1.0], "town": ["Paris"]}))
    with pytest.raises(TypeError, match=r"y: expected numbers, received column 'kind' of dtype category.*factorize"):
        DataLoader([1.0], pandas.Series(["a"], dtype="category", name="kind"))


def test_a_memory_map_is_never_read_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    x = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(4096, 256))
    x[:] = np.arange(4096)[:, None]
    del x
    mapped = np.load(path, mmap_mode="r")
    for source in (mapped, np.asarray(mapped)[:, ::2], mapped.astype(">f8").T.copy().T):
        loader = DataLoader(source, batch_size=16, shuffle=True, seed=0)
        tracemalloc.start()
        total = 0.0
        for batch in loader:
            assert type(batch.inputs) is np.ndarray
            total += float(batch.inputs[:, 0].sum())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == 4095 * 4096 / 2
        # The source has 4 to 8 MB, a batch 32 kB; the order of the rows takes 64 kB or so while it is made.
        assert peak < 400_000


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.zeros((0, 3))}, ValueError, r"x: expected at least one row, received shape \(0, 3\)"),
        ({"x": table(4), "y": np.arange(5)}, ValueError, r"y: expected 4 rows as in x, received shape \(5,\)"),
        ({"x": table(4), "sample_weight": np.ones(3)}, ValueError, r"sample_weight: expected 4 rows"),
        ({"x": table(4), "batch_size": 0}, ValueError, r"batch_size: expected an integer of at least 1, received 0"),
        ({"x": table(4), "batch_size": 2.5}, TypeError, r"batch_size: expected an integer, received 2.5"),
        ({"x": 3.0}, ValueError, r"x: expected an array of rows, received the single number 3.0"),
        ({"x": None}, TypeError, r"x: expected an array, received None"),
        (
            {"x": table(2), "y": ["a", "b"]},
            TypeError,
            r"y: expected numbers, received strings such as .*'a'.*np.unique",
        ),
        ({"x": [1, None]}, TypeError, r"x: expected numbers, received Python objects such as None \(dtype object\)"),
        ({"x": np.array([1j])}, TypeError, r"x: expected numbers, received complex numbers"),
        ({"x": np.array(["2024-01-01"], "M8[D]")}, TypeError, r"received dates or durations"),
        ({"x": np.array([(1, 2.0)], "i4,f4")}, TypeError, r"received records"),
        ({"x": [[1, 2], [3]]}, ValueError, r"x: expected rows of equal shape"),
        ({"x": (i for i in range(3))}, TypeError, r"x: expected an array, received generator; collect the rows"),
        ({"x": {"a": ["u", None]}}, TypeError, r"x\['a'\]\[1\]: expected a string, received None"),
        ({"x": np.ma.array([1.0, 2.0], mask=[0, 1])}, ValueError, r"received masked entries; use x.filled"),
    ],
)
def test_refusals_name_argument_received_and_fix(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        DataLoader(**arguments)


def test_gather_reads_slices_and_rows() -> None:
    x = table(6).astype(np.float64)
    np.testing.assert_array_equal(gather(x, slice(1, 3)), x[1:3])
    np.testing.assert_array_equal(gather(x, np.array([5, 0])), x[[5, 0]])
    np.testing.assert_array_equal(gather(np.ma.array([1, 2]).data, slice(0, 1)), [1])


# Several inputs and outputs -------------------------------------------------------------------------------------------


def test_batches_have_the_form_of_the_arguments() -> None:
    x = {"image": np.arange(30).reshape(10, 3), "age": np.arange(10.0)}
    y = [np.arange(10), np.arange(10) % 3]
    weight = (np.ones(10), np.arange(10.0))
    loader = DataLoader(x, y, batch_size=4, sample_weight=weight)
    batches = list(loader)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    inputs, targets, weights = batches[1]
    assert list(inputs) == ["image", "age"]
    np.testing.assert_array_equal(inputs["image"], x["image"][4:8])
    np.testing.assert_array_equal(inputs["age"], [4, 5, 6, 7])
    np.testing.assert_array_equal(targets[1], y[1][4:8])
    np.testing.assert_array_equal(weights[1], [4, 5, 6, 7])
    assert repr(batches[2]) == "Batch(inputs=dict of 2, targets=tuple of 2, sample_weight=tuple of 2)"
    shuffled = next(iter(DataLoader(x, y, batch_size=10, shuffle=True, seed=1)))
    np.testing.assert_array_equal(shuffled.inputs["image"][:, 0] // 3, shuffled.inputs["age"])
    np.testing.assert_array_equal(shuffled.targets[0], shuffled.inputs["age"])


def test_a_list_of_rows_is_no_list_of_inputs() -> None:
    rows = [np.zeros(3), np.ones(3)]
    assert next(iter(DataLoader(rows, [0, 1]))).inputs.shape == (2, 3)
    assert next(iter(DataLoader(rows))).inputs.shape == (2, 3)
    several = next(iter(DataLoader([np.zeros((5, 3)), np.zeros((5, 2))], np.zeros(5)))).inputs
    assert [part.shape for part in several] == [(5, 3), (5, 2)]
    several = next(iter(DataLoader((np.zeros(3), np.ones(3))))).inputs
    assert [part.shape for part in several] == [(3,), (3,)]
    assert next(iter(DataLoader([np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2))], rows))).inputs[0].shape == (
        3,
        2,
    )


def test_parts_of_unequal_length_are_named() -> None:
    with pytest.raises(ValueError, match=r"\[DataLoader\] x\['b'\]: expected 4 rows as in x, received shape \(3,\)"):
        DataLoader({"a": np.zeros(4), "b": np.zeros(3)}, np.zeros(4))
    with pytest.raises(ValueError, match=r"\[DataLoader\] y\[1\]: expected 4 rows as in x, received shape \(3,\)"):
        DataLoader(np.zeros((4, 2)), [np.zeros(4), np.zeros(3)])
    with pytest.raises(ValueError, match=r"\[DataLoader\] x: expected at least one array, received none"):
        DataLoader({}, np.zeros(4))
    with pytest.raises(TypeError, match=r"\[DataLoader\] y\['a'\]: expected numbers, received strings"):
        DataLoader(np.zeros(1), {"a": np.array(["u"])})


def test_map_changes_batches() -> None:
    x, y = table(10), np.arange(10)
    loader = DataLoader(x, y, batch_size=4, shuffle=True, seed=1)
    mapped = loader.map(lambda a, b: (a + 1, b)).map(lambda a, b: (ops.convert_to_tensor(a), b * 2))
    assert len(mapped) == 3
    plain = list(DataLoader(x, y, batch_size=4, shuffle=True, seed=1))
    for batch, before in zip(mapped, plain, strict=True):
        assert isinstance(batch, Batch) and isinstance(batch.inputs, np.ndarray)
        np.testing.assert_array_equal(batch.inputs, before.inputs + 1)
        np.testing.assert_array_equal(batch.targets, before.targets * 2)


def test_map_of_inputs_alone_weights_and_dicts() -> None:
    x, y, w = table(4), np.arange(4), np.ones(4)
    (batch,) = DataLoader(x).map(lambda a: a * 2)
    np.testing.assert_array_equal(batch.inputs, x * 2)
    assert batch.targets is None
    (batch,) = DataLoader(x, y, sample_weight=w).map(lambda a, b, c: (a, b, c * 3))
    np.testing.assert_array_equal(batch.sample_weight, 3)
    (batch,) = DataLoader(x, y).map(lambda a, b: {"labels": b, "images": a})
    np.testing.assert_array_equal(batch.targets, y)
    (batch,) = DataLoader({"a": x, "b": x}, y).map(lambda a, b: ({"a": a["a"], "b": -a["b"]}, b))
    np.testing.assert_array_equal(batch.inputs["b"], -x)


def test_map_resumes_where_the_loader_does() -> None:
    mapped = DataLoader(table(10), batch_size=4, shuffle=True, seed=1).map(lambda a: -a)
    batches = iter(mapped)
    next(batches)
    state = mapped.state()
    rest = [b.inputs for b in batches]
    other = DataLoader(table(10), batch_size=4, shuffle=True, seed=2).map(lambda a: -a)
    other.set_state(state)
    for a, b in zip(other, rest, strict=True):
        np.testing.assert_array_equal(a.inputs, b)


def test_map_refuses_what_it_cannot_use() -> None:
    loader = DataLoader(table(4), np.arange(4))
    with pytest.raises(TypeError, match=r"\[map\] expected a function"):
        loader.map(3)
    with pytest.raises(ValueError, match="received 4 values"):
        list(loader.map(lambda a, b: (a, b, b, b)))
    with pytest.raises(AttributeError, match="class_names"):
        _ = loader.map(lambda a, b: (a, b)).class_names
