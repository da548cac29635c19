"""Small real data sets for examples and tests: `digits` comes with the package, the others are fetched once."""

from __future__ import annotations

from ranvier.datasets import (
    abalone,
    cifar10,
    cifar100,
    daily_temperatures,
    digits,
    fashion_mnist,
    mnist,
    sonar,
    tiny_shakespeare,
)

__all__ = [
    "abalone",
    "cifar10",
    "cifar100",
    "daily_temperatures",
    "digits",
    "fashion_mnist",
    "mnist",
    "sonar",
    "tiny_shakespeare",
]
