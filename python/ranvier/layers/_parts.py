"""Layers whose weights belong to parts that Keras makes as layers inside: ``"attention/query/kernel"``."""

from __future__ import annotations

from typing import Any, ClassVar

from ranvier.layers.keyword import KeywordLayer


class PartedLayer(KeywordLayer):
    """A layer whose engine names its weights "part/weight"; they become attributes ``part_weight``.

    `_settings_of` tells by whose initializer and regularizer the weights of each name are made: the first part of these
    arguments' names.
    """

    _settings_of: ClassVar[dict[str, str]] = {}

    def _take_weights(self) -> None:
        variables = self._native().variables
        named = {variable.name.replace("/", "_"): variable for variable in variables}
        for name in self._weight_names:
            setattr(self, name, named.get(name))
        self._weights = [*variables, *self._weights]
        self._places = {name: variable.name.partition("/")[0] for name, variable in named.items()}
        for variable in variables:
            variable.name = variable.name.partition("/")[2]  # as in Keras, where the path tells the parts
            settings = self._settings_of.get(variable.name, variable.name)
            self._fill(variable, getattr(self, f"{settings}_initializer"))
            regularizer = getattr(self, f"{settings}_regularizer", None)
            if regularizer is not None:
                self._regularize(variable, regularizer)
        if not self._trainable:
            self.trainable = False

    def _set_paths(self, prefix: str = "") -> None:
        """Weights are called by the layer, the part and the weight."""
        for name, part in self.__dict__.get("_places", {}).items():
            variable: Any = getattr(self, name)
            variable.path = f"{prefix}{self.name}/{part}/{variable.name}"
