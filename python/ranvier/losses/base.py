"""The base of all losses: values per sample, weighting, reduction to a number."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ranvier import _core, config
from ranvier._core import Tensor
from ranvier._registry import Registry, auto_name
from ranvier._tensor import convert_to_tensor
from ranvier.ops._convert import engine, floating

_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss:
    """Base class of losses. One of your own defines ``call(y_true, y_pred)`` out of `ranvier.ops`.

    Args:
        name: defaults to the snake_case class name, numbered.
        reduction: ``"sum_over_batch_size"`` (default, also ``"mean"``): the sum of weighted values divided by their
            number; ``"mean_with_sample_weight"``: divided by the sum of weights; ``"sum"``; None or ``"none"``: no
            reduction.
        dtype: of the computation, default that of the prediction.
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"[{self.name}] reduction: expected one of {', '.join(map(repr, _REDUCTIONS))}, received {reduction!r}."
            )
        self.reduction = reduction
        self._dtype = None if dtype is None else config.standardize_dtype(dtype)
        self._engine_loss: _core.Loss | None = None

    @property
    def dtype(self) -> str:
        """Dtype of the computation when the prediction has none of its own."""
        return self._dtype or config.floatx()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One value per sample (the last axis is reduced); a subclass defines it."""
        raise NotImplementedError(f"[{self.name}] {type(self).__name__} must define call(self, y_true, y_pred).")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch, a scalar Tensor unless the reduction is None.

        Args:
            y_true: targets; ``(n,)`` and ``(n, 1)`` mean the same and never broadcast against each other.
            y_pred: predictions.
            sample_weight: one weight per sample, ``(n,)`` or ``(n, 1)``, or of the shape of the values.
        """
        prediction = floating(y_pred) if self._dtype is None else convert_to_tensor(y_pred, self._dtype)
        weight = None if sample_weight is None else convert_to_tensor(sample_weight, prediction.dtype)
        return self._handle()(convert_to_tensor(y_true), prediction, weight)

    def _handle(self) -> _core.Loss:
        """This loss as the engine sees it."""
        if self._engine_loss is None:
            self._engine_loss = self._make_handle()
        return self._engine_loss

    def _make_handle(self) -> _core.Loss:
        refer = weakref.ref(self)  # the engine must not keep its owner alive

        def values(y_true: Tensor, y_pred: Tensor) -> Tensor:
            loss = refer()
            if loss is None:
                raise RuntimeError("the loss behind this engine loss is gone; keep the Loss object")
            return floating(loss.call(*same_rank(convert_to_tensor(y_true, y_pred.dtype), y_pred)))

        return _core.PythonLoss(self.name, values, self.reduction or "none")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_engine_loss": None}  # made again when needed

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"name": self.name, "reduction": self.reduction, **({"dtype": self._dtype} if self._dtype else {})}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name} reduction={self.reduction}>"


registry: Registry[Loss] = Registry("loss", Loss, callables=True)


def same_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Targets with the rank of the predictions where they differ by a last axis of size 1."""
    if y_true.ndim == y_pred.ndim - 1 and y_pred.shape[-1] == 1:
        y_true = engine.expand_dims(y_true, y_true.ndim)
    elif y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        y_true = engine.squeeze(y_true, [y_true.ndim - 1])
    return y_true, y_pred


class NativeLoss(Loss):
    """A loss the engine computes; `_arguments` are its constructor arguments beside name, reduction and dtype."""

    _arguments: ClassVar[tuple[str, ...]] = ()
    _engine_class: ClassVar[str]  # the engine's class; that of the built-in base for a subclass of one's own

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Notes which class of the engine computes it."""
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("ranvier."):
            cls._engine_class = cls.__name__

    def _settings(self) -> dict[str, Any]:
        return {argument: getattr(self, argument) for argument in self._arguments}

    def _make_handle(self) -> _core.Loss:
        if type(self).call is not NativeLoss.call:  # a subclass of one's own
            return super()._make_handle()
        return _core.Loss(self._engine_class, {"name": self.name, "reduction": self.reduction, **self._settings()})

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """One value per sample."""
        plain = _core.Loss(self._engine_class, {"name": self.name, "reduction": "none", **self._settings()})
        return plain(convert_to_tensor(y_true), floating(y_pred), None)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), **self._settings()}


class LossFunctionWrapper(Loss):
    """A function ``fn(y_true, y_pred, **kwargs)``, of values per sample or one number, as a Loss.

    Args:
        fn: the function, made of `ranvier.ops`.
        reduction: as in `Loss`.
        name: defaults to the function's name.
        dtype: of the computation.
        **kwargs: passed to `fn`.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The function's values."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, the function by its name."""
        return {**super().get_config(), "fn": registry.serialize(self.fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """The inverse of `get_config`; the function must be registered or in a custom object scope."""
        settings = dict(config)
        fn = settings.pop("fn")
        return cls(registry.lookup(fn) if isinstance(fn, str) else fn, **settings)
