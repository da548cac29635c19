"""What callbacks that watch a metric share: which way is better, and what counts as better."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

from ranvier.callbacks.callback import Callback, Logs

_UP = re.compile(r"(^|_)(acc|accuracy|auc|precision|recall|f1_score|fbeta_score|r2_score|iou|io_u|cosine_similarity)$")
_DOWN = re.compile(
    r"(^|_)(loss|error|mse|mae|mape|msle|rmse|crossentropy|hinge|kl_divergence|poisson|huber|log_?cosh)$"
)


def better_direction(name: str) -> int:
    """1 when more of the metric `name` is better, -1 when less is, 0 when its name does not tell."""
    plain = re.sub(r"_\d+$", "", name.removeprefix("val_"))  # the second AUC of a model is called auc_1
    if _UP.search(plain):
        return 1
    return -1 if _DOWN.search(plain) else 0


class MonitorCallback(Callback):
    """Base of callbacks that watch one entry of `logs`.

    Args:
        monitor: the entry's name, e.g. `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"`, which knows losses, errors, accuracies and the like by their names, and
            asks a metric object of the model that has `_direction`.
        min_delta: a change of at most this size is no improvement.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(
                f"[{type(self).__name__}] mode: expected 'auto', 'min' or 'max', received {mode!r}; "
                "'min' is right for losses, 'max' for accuracies."
            )
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.best: float | None = None
        self._sign = {"min": -1, "max": 1}.get(mode, 0)

    def improves(self, value: float, reference: float | None) -> bool:
        """Whether `value` is better than `reference` by more than `min_delta`; NaN never is, and never stays best."""
        if self._sign == 0:  # late, as the model's metrics exist only after its first step
            self._sign = self._direction()
        if math.isnan(value):
            return False
        if reference is None or math.isnan(reference):
            return True
        return self._sign * (value - reference) > self.min_delta

    def monitored(self, logs: Logs | None) -> float | None:
        """The watched value, or `None` with a warning when `logs` lacks it."""
        value = (logs or {}).get(self.monitor)
        if value is not None:
            return float(value)
        fix = ""
        if self.monitor.startswith("val_") and not any(str(name).startswith("val_") for name in logs or {}):
            fix = " Pass validation_data or validation_split to fit."
        warnings.warn(
            f"[{type(self).__name__}] monitor={self.monitor!r} is not available; "
            f"received {', '.join(map(str, logs or {})) or 'nothing'}.{fix}",
            stacklevel=3,
        )
        return None

    def _direction(self) -> int:
        name = self.monitor.removeprefix("val_")
        metrics = getattr(self.model, "metrics", None) or []
        names = getattr(self.model, "metrics_names", None) or [getattr(metric, "name", None) for metric in metrics]
        for metric, known_as in zip(metrics, names, strict=True):
            direction: Any = getattr(metric, "_direction", None)
            if known_as == name and direction in ("up", "down"):
                return 1 if direction == "up" else -1
        by_name = better_direction(name)
        if by_name:
            return by_name
        raise ValueError(
            f"[{type(self).__name__}] cannot tell whether {self.monitor!r} should become large or small; "
            "pass mode='max' or mode='min'."
        )
