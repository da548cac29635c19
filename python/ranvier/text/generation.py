"""Text from a model, one token after the other."""

from __future__ import annotations

import itertools
import operator
import sys
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ranvier._core import Tensor
from ranvier._core import ops as _ops
from ranvier._tensor import no_grad
from ranvier.models import Model
from ranvier.random import Seed, SeedGenerator, draw_seed
from ranvier.text.reading import reader_of
from ranvier.text.sampling import WHERE, Sampler

Array = np.ndarray


class Vocabulary(Protocol):
    """What turns text to ids and back: `CharacterVocabulary`, or any object with these two methods."""

    def encode(self, text: str) -> Any:
        """The ids of `text`."""

    def decode(self, ids: Any) -> str:
        """The text of `ids`."""


def generate(
    model: Any,
    prompt: Any,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: Seed = None,
    *,
    vocabulary: Vocabulary | None = None,
    stream: Any = False,
    from_logits: bool | None = None,
    context_length: int | None = None,
) -> Any:
    """What a language model adds to a prompt, drawn token by token.

    A model that can go on from a state (recurrent layers, causal attention with its keys and values kept: what
    `model.stream()` takes) reads every token once. Others are run on the last `context_length` tokens each time.

    Args:
        model: takes ids `(1, time)` and returns a score for every token: `(1, time, tokens)`, of which the last time
            step counts, or `(1, tokens)`.
        prompt: text, when there is a `vocabulary`, or ids (integers in one axis); at least one token.
        length: how many tokens to add.
        temperature: what the logits are divided by: below 1 the likely becomes likelier, 0 takes the most probable
            token each time. Default 1.
        top_k: draw from that many of the most probable tokens only. Default `None`: from all.
        top_p: draw from the fewest of the most probable tokens that together have at least this probability, after
            `temperature` and `top_k` (A. Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration",
            arXiv:1904.09751). Default `None`: from all.
        seed: an int gives the same text every time; a `SeedGenerator`; `None`: the default generator, which
            `set_random_seed` restarts. Default `None`.
        vocabulary: an object with `encode(text)` and `decode(ids)`, such as `CharacterVocabulary`.
        stream: `True` prints each token at once, a file (anything with `write`) gets it instead, flushed where it can
            be. Ids are written with a blank behind each. Default `False`.
        from_logits: whether the model returns logits (True) or probabilities (False). Default `None`: probabilities
            where none of the first row is negative and they add up to 1, else logits.
        context_length: the most tokens the model can look back on. When its state has taken so many, it begins anew
            with the last half of them: a token is then predicted from at least half a context. Default `None`: the
            model's own limit (a fixed length of its input, the length of its position embedding), else none for a
            model that goes on from a state, and all there is for others.

    Returns:
        What was added, without the prompt: a string for text, an array `(length,)` of int32 for ids.

    Raises:
        TypeError: an argument of the wrong kind.
        ValueError: an empty prompt, a token that is not in the vocabulary, numbers out of range, a model with other
            inputs or outputs, or outputs that are not finite.
    """
    if not isinstance(model, Model):
        raise TypeError(f"[{WHERE}] model: expected a Model or Sequential, received {type(model).__name__}.")
    count = _whole(length, "length", 0)
    limit = None if context_length is None else _whole(context_length, "context_length", 1)
    sampler = Sampler(temperature, top_k, top_p)
    ids = _prompt_ids(prompt, vocabulary)
    out = sys.stdout if stream is True else (stream or None)
    if out is not None and not hasattr(out, "write"):
        raise TypeError(f"[{WHERE}] stream: expected a bool or a file with write(), received {stream!r}.")
    numbers = _numbers(draw_seed(seed, WHERE))
    added: list[int] = []
    if count:
        with no_grad(), np.errstate(over="ignore", divide="ignore"):
            reader, scores = reader_of(model, limit, ids)
            _check_tokens(scores, vocabulary)
            probabilities = _are_probabilities(scores) if from_logits is None else not from_logits
            for u in itertools.islice(numbers, min(count, sys.maxsize)):
                token = sampler(np.log(scores) if probabilities else scores, u)
                added.append(token)
                if out is not None:
                    _write(out, token, vocabulary)
                if len(added) < count:
                    scores = reader.next(token)
    if isinstance(prompt, str) and vocabulary is not None:
        return vocabulary.decode(added)
    return np.array(added, dtype=np.int32)


def _numbers(seed: int | None) -> Iterator[float]:
    """Numbers from [0, 1), many at a time; the first ones are the same however many are taken."""
    seeds = None if seed is None else SeedGenerator(seed)
    while True:
        block = _ops.random_uniform([1024], 0.0, 1.0, "float64", None if seeds is None else seeds.next())
        yield from block.numpy().tolist()


def _whole(value: Any, name: str, least: int) -> int:
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if number < least:
        raise ValueError(f"[{WHERE}] {name}: expected an integer of at least {least}, received {value!r}.")
    return number


def _prompt_ids(prompt: Any, vocabulary: Any) -> Array:
    """The prompt as int32 of shape `(time,)`, at least one."""
    ids = prompt
    if isinstance(prompt, str):
        if vocabulary is None:
            raise ValueError(
                f"[{WHERE}] vocabulary: expected an object with encode() and decode(), as prompt is text, received "
                "None; pass the CharacterVocabulary of the training text, or ids as prompt."
            )
        ids = vocabulary.encode(prompt)
    found = np.asarray(ids.numpy() if isinstance(ids, Tensor) else ids)
    if found.size == 0:
        raise ValueError(
            f"[{WHERE}] prompt: expected at least one token to go on from, received {prompt!r:.200}; a line break is "
            "a start for many models."
        )
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise TypeError(
            f"[{WHERE}] prompt: expected text or integers in one axis, received {found.dtype} of shape {found.shape}."
        )
    if found.min() < 0 or found.max() > np.iinfo(np.int32).max:
        wrong = found.min() if found.min() < 0 else found.max()
        raise ValueError(f"[{WHERE}] prompt: expected ids from 0 to 2**31 - 1, received {wrong}.")
    return np.ascontiguousarray(found, dtype=np.int32)


def _are_probabilities(scores: Array) -> bool:
    return bool((scores >= 0).all()) and abs(float(scores.sum(dtype=np.float64)) - 1) < 1e-3


def _check_tokens(scores: Array, vocabulary: Any) -> None:
    if hasattr(vocabulary, "__len__") and len(vocabulary) != len(scores):
        raise ValueError(
            f"[{WHERE}] vocabulary: expected one of {len(scores)} tokens, as the model has a score for each, received "
            f"{len(vocabulary)}."
        )


def _write(out: Any, token: int, vocabulary: Any) -> None:
    out.write(f"{token} " if vocabulary is None else vocabulary.decode([token]))
    if hasattr(out, "flush"):
        out.flush()
