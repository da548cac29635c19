"""Small real data sets for examples and tests: `digits` comes with the package, `mnist` is fetched once."""

from __future__ import annotations

from ranvier.datasets import digits, mnist

__all__ = ["digits", "mnist"]
