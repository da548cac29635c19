"""Perplexity of predicted tokens."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ._inputs import labels_and_scores, weights_for
from .metric import Metric, Result, registry
from .probabilistic import sparse_categorical_crossentropy


@registry.register()
class Perplexity(Metric):
    """``exp`` of the mean cross-entropy of all tokens: among how many equally likely ones a model chooses.

    The name and arguments are KerasHub's. Tokens are counted over all batches before the mean is taken. Time steps that
    the predictions' own mask leaves out do not count.

    Args:
        from_logits: whether `y_pred` holds logits instead of probabilities. Default False.
        mask_token_id: steps with this target do not count, such as the id of padding. Default None.
        dtype: as in `Metric`.
        name: default ``"perplexity"``.
    """

    _config_fields: ClassVar[tuple[str, ...]] = ("from_logits", "mask_token_id")
    leaves_out_masked = True

    def __init__(
        self,
        from_logits: bool = False,
        mask_token_id: int | None = None,
        dtype: Any = None,
        name: str = "perplexity",
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        self.from_logits = bool(from_logits)
        self.mask_token_id = mask_token_id
        self.total = self.add_variable(name="aggregate_crossentropy")
        self.count = self.add_variable(name="number_of_samples")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Args:
            y_true: ids of tokens, ``(batch, time)``, or of any shape.
            y_pred: probabilities or logits of all tokens, with one more axis.
            sample_weight: None, one number, or one for each of the first axes of `y_true`.
        """
        labels, scores = labels_and_scores(self.name, y_true, y_pred)
        counts = np.ones(labels.shape) if self.mask_token_id is None else (labels != self.mask_token_id) * 1.0
        weights = weights_for(self.name, sample_weight, labels.shape)
        if weights is not None:
            counts = counts * weights
        values = sparse_categorical_crossentropy(labels, scores, self.from_logits, self.mask_token_id)
        self.total.value += np.where(counts == 0, 0.0, values * counts).sum()
        self.count.value += counts.sum()

    def result(self) -> Result:
        """Perplexity so far; 0 before the first token."""
        return self._finish(np.exp(self.total.value / self.count.value) if self.count.value else np.float64(0.0))
