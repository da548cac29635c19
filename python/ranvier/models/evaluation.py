"""evaluate: loss and metrics without training."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranvier.models.compiled import Logs
from ranvier.models.compiling import CompilingMixin
from ranvier.models.epoch_loop import Pass
from ranvier.models.feeding import ArrayFeed, StreamFeed, is_stream
from ranvier.models.fit_data import array_feed, batch_preparer, optional_steps, stream_feed


class EvaluationMixin(CompilingMixin):
    """The testing part of a model."""

    _fit_callbacks: Any = None  # while fit runs

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics on data, without training.

        Args:
            x: inputs, or batches, as in `fit`.
            y: targets as in `fit`.
            batch_size: rows per batch. Default 32; with `steps` all rows in so many batches.
            verbose: as in `fit`.
            sample_weight: one weight per row.
            steps: batches to look at. Default all.
            callbacks: as in `fit`; their test hooks are called.
            return_dict: a dict by name instead of the list.

        Returns:
            The loss; with metrics a list `[loss, ...]` in the order of `metrics_names`; or the dict.
        """
        if kwargs:
            raise TypeError(f"[evaluate] unknown argument {', '.join(map(repr, kwargs))}.")
        compiled = self._ready("evaluate")
        from ranvier.callbacks import CallbackList
        from ranvier.utils.progress import ProgressBar, resolve_verbose

        shown = resolve_verbose(verbose)
        steps = optional_steps(steps, "evaluate", "steps")
        feed: ArrayFeed | StreamFeed
        if is_stream(x):
            feed = stream_feed("evaluate", x, steps, y=y, sample_weight=sample_weight, batch_size=batch_size)
        else:
            feed = array_feed(self, x, y, sample_weight, batch_size, steps, "evaluate")
        total = feed.steps if steps is None else steps
        listed = (
            None if callbacks is None else CallbackList(callbacks, model=self, epochs=1, steps=total, verbose=shown)
        )
        progress = ProgressBar(total, shown) if shown else None
        if progress is not None:
            progress.begin()
        try:
            results = self._test(feed, steps, listed, progress, "evaluate")
        finally:
            if progress is not None:
                progress.close()
        return dict(sorted(results.items())) if return_dict else compiled.as_list(results)

    def _test(self, feed: ArrayFeed | StreamFeed, steps: int | None, callbacks: Any, progress: Any, where: str) -> Logs:
        compiled = self._ready(where)
        kept = compiled.keep_state() if self._fit_callbacks is not None and where == "evaluate" else None
        compiled.reset()
        if callbacks is not None:
            callbacks.on_test_begin()
        run = Pass(self, False, callbacks, progress, where=where)
        if isinstance(feed, ArrayFeed):
            run.over_arrays(feed, np.arange, 0, feed.steps if steps is None else min(steps, feed.steps))
        else:
            run.over_stream(feed.epoch(), batch_preparer(self, None, where), steps)
        if run.step == 0:
            raise ValueError(f"[{where}] expected at least one batch of data to evaluate on, received none.")
        results = compiled.results()
        if kept is not None:  # a callback of a running fit has asked
            compiled.put_state(kept)
        if progress is not None:
            progress.finish(dict(sorted(results.items())))
        if callbacks is not None:
            callbacks.on_test_end(results)
        return results
