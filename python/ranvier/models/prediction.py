"""predict: outputs for many rows, with a short way for few."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ranvier import _core
from ranvier.models.feeding import engine_reads, is_stream, pick, row_bytes, unpack_batch
from ranvier.models.fit_data import batch_rows, built_inputs, optional_steps, positive_int
from ranvier.models.front import front_of, takes_text
from ranvier.models.pace import Pace
from ranvier.models.part_data import input_arrays
from ranvier.models.structures import outputs_of, unnested

Array = np.ndarray

_READY = (np.dtype(np.float32), np.dtype(np.float64))
CONVERTED = 4 << 20  # bytes of rows converted at a time


class PredictionMixin:
    """The predicting half of a model."""

    built: bool
    _predictor: _core.Trainer | None
    _predictor_engine: Any
    _pace_of_predict: Pace | None = None
    _engine_layer: Any
    _input_shapes: Callable[[], list[Any]]
    _pack_outputs: Callable[[list[Array]], Any]
    _names_for: Callable[..., list[str]]
    _quick: tuple[Any, int, Callable[..., Any]] | None = None  # engine, axes of x and its predict, for plain models

    # Of the other half:
    _engine_model: Callable[[], Any]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Outputs for `x`, computed batch by batch.

        Args:
            x: inputs `(rows, ...)`, a list or dict of them by name for a model with several, or batches (of inputs, or
                tuples that begin with them).
            batch_size: rows per batch. Default 32; with `steps` all rows in so many batches.
            verbose: as in `fit`.
            steps: number of batches to look at. Default all.
            callbacks: as in `fit`; their predict hooks are called.

        Returns:
            Array `(rows, ...)` of the model's dtype; with several outputs a list or dict of them.
        """
        quick = self._quick  # one row is answered in microseconds only on the shortest way
        if (
            quick is not None
            and verbose == 0
            and callbacks is None
            and steps is None
            and type(x) is np.ndarray
            and quick[0] is self._engine_layer
            and x.ndim == quick[1]
            and x.dtype in _READY
            and x.flags.c_contiguous
            and len(x)
        ):
            return quick[2](x, 32 if batch_size is None else positive_int(batch_size, "predict", "batch_size"))
        return self._predict(x, batch_size, verbose, steps, callbacks)

    def _prediction_trainer(self) -> _core.Trainer:
        engine = self._engine_model()
        if self._predictor is None or self._predictor_engine is not engine:
            self._predictor = _core.Trainer(engine)
            self._predictor_engine = engine
            shapes, outputs = self._input_shapes(), outputs_of(self)
            plain = (
                front_of(self) is None
                and len(shapes) == 1
                and shapes[0] is not None
                and outputs is not None
                and outputs.plain
            )
            self._quick = (engine, len(shapes[0]), self._predictor.predict) if plain else None
        return self._predictor

    def _predict(self, x: Any, batch_size: Any, verbose: Any, steps: Any, callbacks: Any) -> Any:
        from ranvier.callbacks import CallbackList
        from ranvier.utils.progress import ProgressBar, resolve_verbose

        shown = resolve_verbose(verbose)
        steps = optional_steps(steps, "predict", "steps")
        if is_stream(x):
            total = steps if steps is not None else (len(x) if hasattr(x, "__len__") else None)
            parts = self._predict_stream(x, steps)
        else:
            arrays = self._prediction_inputs(x)
            rows = len(arrays[0])
            size = batch_rows(batch_size, rows, steps, "predict")
            total = -(-rows // size)
            if steps is not None:
                total = min(steps, total)
                arrays = [array[: total * size] for array in arrays]
            listens = CallbackList(callbacks).listens_to_predict_batches if callbacks is not None else False
            parts = self._predict_rows(arrays, size, bool(shown) or callbacks is not None, listens)
        listed = CallbackList(callbacks, model=self, epochs=1, steps=total, verbose=shown)
        progress = ProgressBar(total, shown) if shown else None
        return self._collect(parts, listed, progress)

    def _collect(self, parts: Iterator[tuple[list[Array], int]], listed: Any, progress: Any) -> Any:
        outputs: list[list[Array]] = []
        step = 0
        listed.on_predict_begin()
        if progress is not None:
            progress.begin()
        try:
            while True:
                listed.on_predict_batch_begin(step)
                part = next(parts, None)
                if part is None:
                    break
                outputs.append(part[0])
                step += part[1]
                listed.on_predict_batch_end(step - 1, {"outputs": self._pack_outputs(part[0])})
                if progress is not None:
                    progress.update(step)
            if not outputs:
                raise ValueError("[predict] x: expected at least one batch, received none.")
            if progress is not None:
                progress.finish()
        finally:
            if progress is not None:
                progress.close()
        listed.on_predict_end()
        joined = [found[0] if len(found) == 1 else np.concatenate(found) for found in zip(*outputs, strict=True)]
        return self._pack_outputs(joined)

    def _prediction_inputs(self, x: Any, where: str = "predict") -> list[Array]:
        x = unnested(self, x)
        names = self._names_for(x)
        if len(names) == 1 and isinstance(x, list | tuple) and len(x) == 1 and isinstance(x[0], np.ndarray):
            shape = self._input_shapes()[0]  # tells the single input in a list from a list of one row
            x = x[0] if shape is not None and x[0].ndim == len(shape) else x
        arrays = input_arrays(x, names, where, text=takes_text(self))
        if not self.built and arrays[0].ndim == 1 and len(names) == 1 and arrays[0].dtype.kind != "O":
            shape = arrays[0].shape
            raise ValueError(f"[{where}] x: expected rows, shape (rows, ...), received shape {shape}; pass x[None, :].")
        return built_inputs(self, arrays, where, x=x)

    def _predict_rows(self, x: list[Array], size: int, watched: bool, listens: bool) -> Iterator[tuple[Any, int]]:
        front = front_of(self)
        if front is not None and front.complete:
            yield x, -(-len(x[0]) // size)
            return
        trainer = self._prediction_trainer()
        direct = all(engine_reads(array) for array in x)
        steps = -(-len(x[0]) // size)
        most = steps if direct else max(1, CONVERTED // max(1, size * sum(row_bytes(array) for array in x)))
        pace = self._pace_of_predict = self._pace_of_predict or Pace()
        step = 0
        while step < steps:
            count = min(1 if listens else pace.steps(steps - step) if watched else steps, most)
            rows = slice(step * size, (step + count) * size)
            start = time.perf_counter()
            part = trainer.predict([array[rows] if direct else pick(array, rows) for array in x], size)
            pace.note(count, time.perf_counter() - start)
            step += count
            yield part if type(part) is list else [part], count

    def _predict_stream(self, batches: Any, steps: int | None) -> Iterator[tuple[list[Array], int]]:
        for step, batch in enumerate(batches):
            if steps is not None and step >= steps:
                return
            yield self._predict_now(unpack_batch(batch, "predict", need_targets=False)[0], "predict"), 1

    def _predict_now(self, x: Any, where: str) -> list[Array]:
        given = self._prediction_inputs(x, where)
        front = front_of(self)
        if front is not None and front.complete:
            return given
        ready = [a if engine_reads(a) else pick(a, slice(None)) for a in given]
        found = self._prediction_trainer().predict(ready, len(ready[0]))
        return found if type(found) is list else [found]

    def predict_on_batch(self, x: Any) -> Any:
        """Outputs for one batch, as an array, or a list or dict of arrays as the model's outputs are."""
        return self._pack_outputs(self._predict_now(x, "predict_on_batch"))
