"""The optimizers: SGD, RMSprop, Adam, AdamW."""

from __future__ import annotations

from typing import Any

from ranvier.layers._checks import number, rate
from ranvier.optimizers.base import Optimizer, registry


@registry.register()
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    ``w -= rate * g``; with momentum ``v = momentum * v - rate * g; w += v``, and with Nesterov's
    ``w += momentum * v - rate * g`` (Sutskever et al. 2013).

    Args:
        learning_rate: default 0.01.
        momentum: in [0, 1]. Default 0.
        nesterov: Nesterov's form. Default False.
        weight_decay, clipnorm, clipvalue, global_clipnorm, name, parameters, lazy_embeddings: as in `Optimizer`.
    """

    _arguments = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        *,
        parameters: Any = None,
        lazy_embeddings: bool = False,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name, parameters, lazy_embeddings
        )
        self.momentum = rate(momentum, self.name, "momentum")
        self.nesterov = bool(nesterov)


@registry.register()
class RMSprop(Optimizer):
    """Gradients divided by a running root mean square of themselves (Hinton 2012).

    ``v = rho * v + (1 - rho) * g**2; w -= rate * g / sqrt(v + epsilon)``; `centered` subtracts the square of the
    running mean from v.

    Args:
        learning_rate: default 0.001.
        rho: in [0, 1]. Default 0.9.
        momentum: in [0, 1]. Default 0.
        epsilon: default 1e-7.
        centered: default False.
        weight_decay, clipnorm, clipvalue, global_clipnorm, name, parameters, lazy_embeddings: as in `Optimizer`.
    """

    _arguments = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        *,
        parameters: Any = None,
        lazy_embeddings: bool = False,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name, parameters, lazy_embeddings
        )
        self.rho = rate(rho, self.name, "rho")
        self.momentum = rate(momentum, self.name, "momentum")
        self.epsilon = number(epsilon, self.name, "epsilon", 0)
        self.centered = bool(centered)


@registry.register()
class Adam(Optimizer):
    """Running means of gradients and of their squares (Kingma & Ba 2015).

    ``m = b1*m + (1-b1)*g; v = b2*v + (1-b2)*g**2; w -= rate * sqrt(1-b2**t)/(1-b1**t) * m / (sqrt(v) + epsilon)``

    Args:
        learning_rate: default 0.001.
        beta_1: in [0, 1). Default 0.9.
        beta_2: in [0, 1). Default 0.999.
        epsilon: default 1e-7.
        amsgrad: divide by the running maximum of v (Reddi et al. 2018). Default False.
        weight_decay, clipnorm, clipvalue, global_clipnorm, name, parameters, lazy_embeddings: as in `Optimizer`.
    """

    _arguments = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        *,
        parameters: Any = None,
        lazy_embeddings: bool = False,
    ) -> None:
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name, parameters, lazy_embeddings
        )
        self.beta_1 = rate(beta_1, self.name, "beta_1", below_one=True)
        self.beta_2 = rate(beta_2, self.name, "beta_2", below_one=True)
        self.epsilon = number(epsilon, self.name, "epsilon", 0)
        self.amsgrad = bool(amsgrad)


@registry.register()
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): first ``w -= rate * weight_decay * w``.

    Args:
        learning_rate: default 0.001.
        weight_decay: default 0.004.
        beta_1, beta_2, epsilon, amsgrad: as in `Adam`.
        clipnorm, clipvalue, global_clipnorm, name, parameters, lazy_embeddings: as in `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        *,
        parameters: Any = None,
        lazy_embeddings: bool = False,
    ) -> None:
        if weight_decay is None:
            raise ValueError("[AdamW] weight_decay: expected a number, received None; use Adam for none.")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            name,
            parameters=parameters,
            lazy_embeddings=lazy_embeddings,
        )
