"""predict: outputs for many rows, with a short way for few."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ranvier import _core
from ranvier.models.feeding import engine_reads, is_stream, pick, row_bytes, unpack_batch
from ranvier.models.fit_data import batch_rows, optional_steps, positive_int
from ranvier.models.pace import Pace
from ranvier.utils.arrays import as_array

Array = np.ndarray

_READY = (np.dtype(np.float32), np.dtype(np.float64))
CONVERTED = 4 << 20  # bytes of rows converted at a time


class PredictionMixin:
    """The predicting half of a model."""

    built: bool
    _predictor: _core.Trainer | None
    _predictor_engine: Any
    _pace_of_predict: Pace | None = None

    # Of the other half:
    _adjust_input: Callable[[Array], Array]
    _build_for: Callable[..., None]
    _engine_model: Callable[[], Any]
    _input_shape_or_none: Callable[[], Any]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Array:
        """Outputs for `x`, computed batch by batch.

        Args:
            x: inputs `(rows, ...)`, or batches (of inputs, or tuples that begin with them).
            batch_size: rows per batch. Default 32; with `steps` all rows in so many batches.
            verbose: as in `fit`.
            steps: number of batches to look at. Default all.
            callbacks: as in `fit`; their predict hooks are called.

        Returns:
            Array `(rows, ...)` of the model's dtype.
        """
        if verbose == 0 and callbacks is None and steps is None and type(x) is np.ndarray and self.built:
            # One row is answered in microseconds only on the shortest way.
            shape = self._input_shape_or_none()
            if shape is not None and x.ndim == len(shape) and x.dtype in _READY and x.flags.c_contiguous and len(x):
                size = 32 if batch_size is None else positive_int(batch_size, "predict", "batch_size")
                return self._prediction_trainer().predict(x, size)
        return self._predict(x, batch_size, verbose, steps, callbacks)

    def _prediction_trainer(self) -> _core.Trainer:
        engine = self._engine_model()
        if self._predictor is None or self._predictor_engine is not engine:
            self._predictor = _core.Trainer(engine)
            self._predictor_engine = engine
        return self._predictor

    def _predict(self, x: Any, batch_size: Any, verbose: Any, steps: Any, callbacks: Any) -> Array:
        from ranvier.callbacks import CallbackList
        from ranvier.utils.progress import ProgressBar, resolve_verbose

        shown = resolve_verbose(verbose)
        steps = optional_steps(steps, "predict", "steps")
        if is_stream(x):
            total = steps if steps is not None else (len(x) if hasattr(x, "__len__") else None)
            parts = self._predict_stream(x, steps)
        else:
            rows = self._prediction_rows(as_array(x, "x", "predict"))
            size = batch_rows(batch_size, len(rows), steps, "predict")
            total = -(-len(rows) // size)
            if steps is not None:
                total = min(steps, total)
                rows = rows[: total * size]
            listens = CallbackList(callbacks).listens_to_predict_batches if callbacks is not None else False
            parts = self._predict_rows(rows, size, bool(shown) or callbacks is not None, listens)
        listed = CallbackList(callbacks, model=self, epochs=1, steps=total, verbose=shown)
        progress = ProgressBar(total, shown) if shown else None
        return self._collect(parts, listed, progress)

    def _collect(self, parts: Iterator[tuple[Array, int]], listed: Any, progress: Any) -> Array:
        outputs: list[Array] = []
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
                listed.on_predict_batch_end(step - 1, {"outputs": part[0]})
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
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def _prediction_rows(self, x: Array) -> Array:
        if len(x) == 0:
            raise ValueError(f"[predict] x: expected at least one row, received shape {x.shape}.")
        if not self.built and x.ndim == 1:
            raise ValueError(
                f"[predict] x: expected rows, shape (rows, ...), received shape {x.shape}; pass x[None, :]."
            )
        x = self._adjust_input(x)
        self._build_for(x.shape)
        return x

    def _predict_rows(self, x: Array, size: int, watched: bool, listens: bool) -> Iterator[tuple[Array, int]]:
        trainer = self._prediction_trainer()
        direct = engine_reads(x)
        steps = -(-len(x) // size)
        most = steps if direct else max(1, CONVERTED // max(1, size * row_bytes(x)))
        pace = self._pace_of_predict = self._pace_of_predict or Pace()
        step = 0
        while step < steps:
            count = min(1 if listens else pace.steps(steps - step) if watched else steps, most)
            rows = slice(step * size, (step + count) * size)
            start = time.perf_counter()
            part = trainer.predict(x[rows] if direct else pick(x, rows), size)
            pace.note(count, time.perf_counter() - start)
            step += count
            yield part, count

    def _predict_stream(self, batches: Any, steps: int | None) -> Iterator[tuple[Array, int]]:
        for step, batch in enumerate(batches):
            if steps is not None and step >= steps:
                return
            x = self._prediction_rows(as_array(unpack_batch(batch, "predict", need_targets=False)[0], "x", "predict"))
            ready = x if engine_reads(x) else pick(x, slice(None))
            yield self._prediction_trainer().predict(ready, len(x)), 1

    def predict_on_batch(self, x: Any) -> Array:
        """Outputs for one batch, as an array."""
        rows = self._prediction_rows(as_array(x, "x", "predict_on_batch"))
        ready = rows if engine_reads(rows) else pick(rows, slice(None))
        return self._prediction_trainer().predict(ready, len(rows))
