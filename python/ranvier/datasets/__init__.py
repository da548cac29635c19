"""Small real data sets for examples and tests: `digits` comes with the package, the others are fetched once."""

from __future__ import annotations

from ranvier.datasets import cifar10, cifar100, digits, fashion_mnist, mnist

__all__ = ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist"]
