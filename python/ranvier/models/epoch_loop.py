"""One pass over the data: chunks of steps to the engine, losses and metrics back, hooks and progress between them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ranvier.models import checks
from ranvier.models.errors import NonFiniteLossError
from ranvier.models.feeding import ArrayFeed
from ranvier.models.front import front_of
from ranvier.models.part_data import Data
from ranvier.models.structures import label

Array = np.ndarray
Results = tuple[Array, list[Array] | None, list[Array | None]]  # losses, predictions, their masks


class Pass:
    """A training epoch or an evaluation.

    Args:
        model: the compiled and built model.
        training: whether weights are updated.
        callbacks: who hears about batches, or None.
        progress: the bar, or None.
        epoch: for messages, counted from 0.
        stop_on_non_finite: raise at the first loss that is no finite number.
        where: the calling method, for messages.
    """

    def __init__(
        self,
        model: Any,
        training: bool,
        callbacks: Any = None,
        progress: Any = None,
        epoch: int = 0,
        stop_on_non_finite: bool = False,
        where: str = "fit",
    ) -> None:
        self.model = model
        self.compiled = model._compiled
        self.training = training
        self.callbacks = callbacks
        self.progress = progress
        self.epoch = epoch
        self.stop_on_non_finite = stop_on_non_finite
        self.where = where
        self.step = 0
        self.listening = callbacks is not None and (
            callbacks.listens_to_train_batches if training else callbacks.listens_to_test_batches
        )
        optimizer = self.compiled.optimizer
        self.scheduled = training and optimizer._schedule is not None

    # -- arrays ------------------------------------------------------------------------------------------------------

    def over_arrays(self, feed: ArrayFeed, rows: Callable[[int, int], Array], begin: int, end: int) -> None:
        """The steps `begin` to `end` of the order in which `rows(first, last)` numbers the rows."""
        compiled, size = self.compiled, feed.batch_size
        run = self._runner()
        wants = compiled.wants_predictions
        pace = compiled.pace("train" if self.training else "test", size)
        single = self.listening or self.scheduled
        most = 1 if single else feed.most_steps(self._prediction_bytes() if wants else 0)
        while begin < end and not (self.training and self.model.stop_training):
            count = min(pace.steps(end - begin), most)
            picked = rows(begin * size, min((begin + count) * size, feed.rows))
            data, order = feed.chunk(picked)
            self._begin_batch()
            start = time.perf_counter()
            losses, predictions, masks = run(*data, order, size, wants)
            pace.note(len(losses), time.perf_counter() - start)
            compiled.add_losses(losses, size, len(picked))
            self.step += len(losses)
            begin += len(losses)
            if self.stop_on_non_finite and not math.isfinite(losses[-1, 0]):
                self._refuse(losses[-1], feed.data)
            if predictions is not None:
                seen = feed.targets(picked)
                compiled.update_metrics(seen.y, predictions, seen.weight, masks)
            self._end_batch()

    # -- streams -----------------------------------------------------------------------------------------------------

    def over_stream(self, batches: Iterator[Any], prepare: Callable[[Any], Data], steps: int | None) -> None:
        """One step for each batch, at most `steps`."""
        compiled = self.compiled
        run = self._runner()
        while (steps is None or self.step < steps) and not (self.training and self.model.stop_training):
            batch = next(batches, None)
            if batch is None:
                return
            data = prepare(batch)
            rows = data.rows
            self._begin_batch()
            losses, predictions, masks = run(*data, np.arange(rows), rows, compiled.wants_predictions)
            compiled.add_losses(losses, rows, rows)
            self.step += 1
            if self.stop_on_non_finite and not math.isfinite(losses[-1, 0]):
                self._refuse(losses[-1], data)
            if predictions is not None:
                compiled.update_metrics(data.y, predictions, data.weight, masks)
            self._end_batch()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _runner(self) -> Callable[..., Results]:
        trainer = self.compiled.trainer(self.model._engine_model())
        if not self.training:
            evaluate: Callable[..., Results] = trainer.evaluate
            return evaluate
        stop = self.stop_on_non_finite

        def train(*arguments: Any) -> Results:
            return trainer.train(*arguments, stop)

        return train

    def _prediction_bytes(self) -> int:
        shapes = self.model._output_shapes()
        return 8 * sum(math.prod(d or 1 for d in shape[1:]) for shape in shapes) if shapes else 64

    def _begin_batch(self) -> None:
        if self.scheduled:
            self.compiled.optimizer._sync_learning_rate()
        if self.listening and self.training:
            self.callbacks.on_train_batch_begin(self.step)
        elif self.listening:
            self.callbacks.on_test_batch_begin(self.step)

    def _end_batch(self) -> None:
        if self.listening and self.training:
            self.callbacks.on_train_batch_end(self.step - 1, self.compiled.logs())
        elif self.listening:
            self.callbacks.on_test_batch_end(self.step - 1, self.compiled.logs())
        progress = self.progress
        if progress is not None:
            progress.update(self.step, self.compiled.logs() if progress.due() else None)

    def _refuse(self, losses: Array, data: Data) -> None:
        """Raises the error for a step with these losses: of the sum and, with several, of each output."""
        compiled = self.compiled
        optimizer = compiled.optimizer
        clips = (getattr(optimizer, name, None) for name in ("clipnorm", "clipvalue", "global_clipnorm"))
        wrong = [i for i, loss in enumerate(losses[1:]) if not math.isfinite(loss)]
        part = compiled.parts[wrong[0] if wrong else 0]
        several = len(compiled.parts) > 1
        targets = data.y[wrong[0] if wrong else 0] if wrong or not several else None
        names = self.model._input_names
        ranges = [checks.observed_range(x) for x in data.x]
        widest = max(range(len(ranges)), key=lambda i: max(map(abs, ranges[i] or (0.0,))))
        message = checks.non_finite_loss_message(
            step=self.step,
            epoch=self.epoch + 1,
            loss=float(losses[1 + wrong[0]] if wrong else losses[0]),
            learning_rate=float(optimizer.learning_rate) if self.training else None,
            x_range=ranges[widest],
            y_range=None if targets is None else checks.observed_range(targets),
            loss_name=part.loss_name if wrong or not several else None,
            built_in_loss=part.has_built_in_loss if wrong else all(p.has_built_in_loss for p in compiled.parts),
            clipped=any(clip is not None for clip in clips),
            x_name=label("x", names, widest) if front_of(self.model) is None else "the encoded x",
            output=part.key if wrong else None,
        )
        raise NonFiniteLossError(message, self.epoch, self.step - 1, float(losses[0]), part.key if wrong else None)
