"""What `fit` returns: the loss and the metrics of every epoch."""

from __future__ import annotations

from typing import Any

from ranvier.callbacks.callback import Callback, Logs


class History(Callback):
    """Records `logs` at the end of each epoch; `fit` adds one by itself and returns it.

    Attributes:
        history: dict of name -> list with one value per epoch, e.g. `history["val_loss"]`.
        epoch: list of the epochs recorded, counted from 0.
        params: dict with `epochs`, `steps` and `verbose`.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts a new list of epochs."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Appends the values of `logs`."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self

    def get_state(self) -> dict[str, Any]:
        """Epochs and values so far."""
        return {"epoch": list(self.epoch), "history": {name: list(values) for name, values in self.history.items()}}

    def set_state(self, state: dict[str, Any]) -> None:
        """Continues from a `get_state()`."""
        self.epoch = list(state["epoch"])
        self.history = {name: list(values) for name, values in state["history"].items()}

    def plot(self, figsize: tuple[float, float] | None = None) -> Any:
        """Draws the loss, and beside it the other metrics; training solid, validation dashed.

        Args:
            figsize: size in inches. Default 4.5 x 3.2 per picture.

        Returns:
            The `matplotlib.figure.Figure`; `figure.savefig("curves.png")` writes it, `plt.show()` shows it.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: no epoch was recorded.
        """
        from ranvier.callbacks.history_view import plot_history

        return plot_history(self, figsize)

    def __repr__(self) -> str:
        last = ", ".join(f"{name}: {values[-1]:.4g}" for name, values in self.history.items() if values)
        return f"History({len(self.epoch)} epochs{'; last ' + last if last else ''})"

    def _repr_html_(self) -> str:
        from ranvier.callbacks.history_view import history_to_html

        return history_to_html(self)
