"""Stop at the first loss that is no finite number."""

from __future__ import annotations

import math

from ranvier.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Ends training after the first step whose loss is NaN or infinite.

    Args:
        raise_error: raise a RuntimeError instead of ending quietly. Default `False`.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Looks at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"[TerminateOnNaN] the loss became {float(loss)} at batch {batch}.")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
