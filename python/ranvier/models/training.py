"""fit, and steps on single batches, with Keras 3's arguments and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ranvier.models.compiled import Logs
from ranvier.models.epoch_loop import Pass
from ranvier.models.evaluation import EvaluationMixin
from ranvier.models.feeding import ArrayFeed, StreamFeed, is_stream
from ranvier.models.fit_data import (
    batch_preparer,
    optional_steps,
    positive_int,
    stream_feed,
    training_feeds,
    validation_feed,
)
from ranvier.models.resuming import resume_place
from ranvier.models.row_order import RowOrder


class TrainingMixin(EvaluationMixin):
    """The training part of a model; the other parts build it and run it forward."""

    history: Any = None
    _epochs_done: int = 0
    _row_order: RowOrder | None = None  # while fit runs over arrays
    _order_state: dict[str, Any] | None = None  # of the last fit over arrays
    _running: Pass | None = None  # the epoch under way
    _fit_completed: bool = True  # the last fit came to its end
    _begin_resume: Callable[[int, Any], tuple[int, Any]]

    # -- fit ---------------------------------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Trains the model.

        Args:
            x: inputs `(rows, ...)`: arrays of any layout and numeric dtype, memory maps, lists, pandas; or a
                `DataLoader`, generator or other iterable of batches `(x, y)` or `(x, y, sample_weight)`.
            y: targets `(rows, ...)`; `(rows,)` and `(rows, 1)` are the same. Not with batches.
            batch_size: rows per step. Default 32; with `steps_per_epoch` all rows in so many steps.
            epochs: number of the last epoch. Default 1.
            verbose: 0 silent, 1 bar, 2 a line per epoch, `"auto"` 1 in terminals and notebooks, else 2.
            callbacks: a `Callback` or a list of them.
            validation_split: fraction of the rows, from the end, to validate on. Default 0.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or batches; wins over `validation_split`.
            shuffle: a new order of the rows in each epoch. Default True.
            class_weight: dict of class label -> weight of its rows in training.
            sample_weight: one weight per row.
            initial_epoch: number of epochs done already, to resume. Default 0.
            steps_per_epoch: steps that count as an epoch; the next one goes on behind them. Default all data.
            validation_steps: batches of validation. Default all.
            validation_batch_size: default as `batch_size`.
            validation_freq: validate every so many epochs, or in the epochs listed (from 1).

        Returns:
            The `History` with the values of every epoch. Ctrl-C ends training and returns it, too.

        Raises:
            ValueError, TypeError: data or arguments that do not fit; nothing has changed then.
            NonFiniteLossError: a loss that is NaN or infinite; the weights are those before its step.
        """
        compiled = self._ready("fit")
        from ranvier.callbacks import CallbackList
        from ranvier.utils.progress import ProgressBar, resolve_verbose

        shown = resolve_verbose(verbose)
        steps_per_epoch = optional_steps(steps_per_epoch, "fit", "steps_per_epoch")
        validation_steps = optional_steps(validation_steps, "fit", "validation_steps")
        epochs, due = positive_int(epochs, "fit", "epochs"), _validation_due(validation_freq)
        if batch_size is not None:
            positive_int(batch_size, "fit", "batch_size")
        feed: ArrayFeed | StreamFeed
        validation: ArrayFeed | StreamFeed | None = None
        if is_stream(x):
            feed = stream_feed(
                "fit",
                x,
                steps_per_epoch,
                y=y,
                sample_weight=sample_weight,
                batch_size=batch_size,
                validation_split=validation_split if validation_data is None else 0,
            )
            run_epoch, order = _stream_epochs(self, feed, class_weight), None
        else:
            split = validation_split if validation_data is None else 0.0
            feed, validation = training_feeds(
                self,
                x,
                y,
                sample_weight,
                class_weight,
                batch_size,
                split,
                validation_batch_size,
                steps_per_epoch,
                validation_steps,
            )
            order = RowOrder(self, feed.rows, feed.batch_size, bool(shuffle))
            run_epoch = _array_epochs(self, feed, order, steps_per_epoch)
        if validation_data is not None:
            test_size = batch_size if validation_batch_size is None else validation_batch_size
            validation = validation_feed(self, validation_data, test_size, validation_steps)
        self._give_weights_to_optimizer("fit")

        steps = steps_per_epoch or feed.steps
        listed = CallbackList(callbacks, add_history=True, model=self, epochs=epochs, steps=steps, verbose=shown)
        stop_on_non_finite = compiled.stop_on_non_finite and not _watched_for_nan(listed)
        progress = ProgressBar(steps, shown, epochs) if shown else None
        self.stop_training = self._fit_completed = False
        logs: Logs = {}
        epoch = initial_epoch
        try:
            listed.on_train_begin()
            first, place = self._begin_resume(initial_epoch, listed)
            self._fit_callbacks, self._row_order = listed, order
            for epoch in range(first, epochs):
                compiled.reset()
                listed.on_epoch_begin(epoch)
                if progress is not None:
                    progress.begin(epoch)
                step = self._running = Pass(self, True, listed, progress, epoch, stop_on_non_finite)
                resume_place(place, step, order)
                place = None
                if not run_epoch(step):
                    break
                self._running = None
                logs = compiled.logs()
                if validation is not None and due(epoch):
                    kept = compiled.keep_state()
                    found = self._test(validation, validation_steps, listed, None, "fit")
                    compiled.put_state(kept)
                    logs.update({f"val_{name}": value for name, value in sorted(found.items())})
                if progress is not None:
                    progress.finish(logs)
                self._epochs_done = epoch + 1
                listed.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            self._fit_completed = True
        except KeyboardInterrupt:
            if progress is not None:
                progress.close()
            print(f"Stopped by Ctrl-C in epoch {epoch + 1} of {epochs}; the model keeps what it has learnt.")
        except BaseException:
            if progress is not None:
                progress.close()
            raise
        finally:
            self._order_state = None if order is None else order.state()
            self._fit_callbacks = self._row_order = self._running = None
            listed.on_train_end(logs)
        return self.history

    # -- single batches ----------------------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on one batch.

        Returns:
            The batch's loss; with metrics a list; or a dict by name.
        """
        return self._on_batch(True, "train_on_batch", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch, without training; as a number, a list, or a dict by name."""
        return self._on_batch(False, "test_on_batch", x, y, sample_weight, None, return_dict)

    def _on_batch(
        self, training: bool, where: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool
    ) -> Any:
        compiled = self._ready(where)
        if training:
            self._give_weights_to_optimizer(where)
        batch = (x, y) if sample_weight is None else (x, y, sample_weight)
        run = Pass(self, training, stop_on_non_finite=training and compiled.stop_on_non_finite, where=where)
        inside = self._fit_callbacks is not None  # asked by a callback of a running fit
        kept = compiled.keep_state() if inside else []
        if not inside:
            self.stop_training = False
        compiled.reset()
        run.over_stream(iter([batch]), batch_preparer(self, class_weight, where), 1)
        results = compiled.results()
        if inside:
            compiled.put_state(kept)
        return dict(sorted(results.items())) if return_dict else compiled.as_list(results)


def _array_epochs(model: Any, feed: ArrayFeed, order: RowOrder, steps: int | None) -> Callable[[Pass], bool]:
    if steps is None:

        def whole(run: Pass) -> bool:
            if run.step == 0:
                order.restart()
            run.over_arrays(feed, order.pick, order.step, feed.steps)
            return True

        return whole

    def part(run: Pass) -> bool:  # an epoch may end and begin in the middle of the order
        left = steps - run.step
        while left > 0 and not model.stop_training:
            if order.step == feed.steps:
                order.restart()
            first = order.step
            count = min(left, feed.steps - first)
            run.over_arrays(feed, order.pick, first, first + count)
            left -= count
        return True

    return part


def _stream_epochs(model: Any, feed: StreamFeed, class_weight: Any) -> Callable[[Pass], bool]:
    prepare = batch_preparer(model, class_weight, "fit")

    def run_stream(run: Pass) -> bool:
        run.over_stream(feed.epoch(), prepare, feed.given_steps)
        if run.step == 0:
            if run.epoch == 0 or not feed.endless:
                raise ValueError("[fit] x: expected at least one batch, received none; is the generator used up?")
            print(f"The data ended before epoch {run.epoch + 1}; training stops here.")
            return False
        if feed.steps is None and not feed.endless:
            feed.steps = run.step  # known from now on
        return True

    return run_stream


def _validation_due(frequency: Any) -> Callable[[int], bool]:
    if isinstance(frequency, int) and not isinstance(frequency, bool) and frequency >= 1:
        return lambda epoch: (epoch + 1) % frequency == 0
    if isinstance(frequency, list | tuple | set | frozenset | range):
        return lambda epoch: epoch + 1 in frequency
    raise ValueError(f"[fit] validation_freq: expected a number of epochs or a list of epochs, received {frequency!r}.")


def _watched_for_nan(callbacks: Any) -> bool:
    from ranvier.callbacks import TerminateOnNaN

    return any(isinstance(callback, TerminateOnNaN) for callback in callbacks)
