"""Text from models: what is drawn, how it is read, and what is refused."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

import ranvier
from ranvier import layers
from ranvier.text import CharacterVocabulary, generate
from ranvier.text.sampling import Sampler

RNG = np.random.default_rng(0)
PLAY = "To be, or not to be: that is the question.\n"
VOCABULARY = CharacterVocabulary(PLAY)
TOKENS = len(VOCABULARY)


def pairs(table: np.ndarray) -> ranvier.Sequential:
    """A model that looks at the last token only: its row of the table is what it says."""
    model = ranvier.Sequential([ranvier.Input((None,), dtype="int32"), layers.Embedding(*table.shape)])
    model.set_weights([table])
    return model


TABLE = RNG.normal(size=(TOKENS, TOKENS)).astype("float32")
MODEL = pairs(TABLE)


# --- characters -------------------------------------------------------------------------------------------------------


def test_a_vocabulary_of_characters() -> None:
    assert VOCABULARY.characters == "".join(sorted(set(PLAY))) and len(VOCABULARY) == len(set(PLAY))
    ids = VOCABULARY.encode(PLAY)
    assert ids.dtype == np.int32 and ids.shape == (len(PLAY),)
    assert [VOCABULARY.characters[i] for i in ids] == list(PLAY)
    assert VOCABULARY.decode(ids) == VOCABULARY.decode(ids.tolist()) == PLAY
    assert VOCABULARY.encode("").shape == (0,) and VOCABULARY.decode([]) == ""
    again = CharacterVocabulary.from_config(json.loads(json.dumps(VOCABULARY.get_config())))
    assert again.characters == VOCABULARY.characters


def test_any_character_of_unicode() -> None:
    text = "äß→😀e\u0301\ud800"
    vocabulary = CharacterVocabulary(text)
    assert len(vocabulary) == 7 and vocabulary.decode(vocabulary.encode(text)) == text


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: VOCABULARY.encode("be é"), ValueError, r"one of the 18 characters.*'é' \(U\+00E9\) at position 3"),
        (lambda: VOCABULARY.encode("be\x00"), ValueError, r"'\\x00' \(U\+0000\) at position 2"),
        (lambda: VOCABULARY.encode(["be"]), TypeError, "text: expected a string, received list"),
        (lambda: VOCABULARY.decode([0, 18]), ValueError, "expected ids from 0 to 17, received 18 at position 1"),
        (lambda: VOCABULARY.decode([-1]), ValueError, "received -1 at position 0"),
        (lambda: VOCABULARY.decode([0.5]), TypeError, "expected integers in one axis, received 0.5"),
        (lambda: VOCABULARY.decode(np.zeros((2, 2), int)), TypeError, "expected integers in one axis"),
        (lambda: CharacterVocabulary(""), ValueError, "at least one character"),
        (lambda: CharacterVocabulary(3), TypeError, "expected a string, received int"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_text(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"^\[CharacterVocabulary\] .*{message}"):
        call()


# --- drawing ----------------------------------------------------------------------------------------------------------


def by_hand(logits: np.ndarray, temperature: float, top_k: int | None, top_p: float | None) -> np.ndarray:
    """The probabilities of all tokens, from the definitions, in plain loops."""
    p = np.exp((logits - logits.max()) / temperature)
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    kept = order if top_k is None else order[:top_k]
    if top_p is not None:
        total, so_far, nucleus = sum(p[i] for i in kept), 0.0, []
        for i in kept:
            nucleus.append(i)
            so_far += p[i]
            if so_far >= top_p * total:
                break
        kept = nucleus
    result = np.zeros(len(p))
    result[kept] = p[kept]
    return result / result.sum()


SETTINGS = [
    (1.0, None, None),
    (0.5, None, None),
    (3.0, None, None),
    (1.0, 1, None),
    (1.0, 4, None),
    (1.0, 100, None),
    (1.0, None, 0.6),
    (1.0, None, 1.0),
    (1.0, None, 1e-9),
    (1.5, 6, 0.8),
]


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), SETTINGS)
def test_every_share_of_the_numbers_drawn_goes_to_its_token(
    temperature: float, top_k: int | None, top_p: float | None
) -> None:
    logits = RNG.normal(size=12).astype("float32") * 2
    logits[5] = logits[3]  # equals
    sampler = Sampler(temperature, top_k, top_p)
    grid = (np.arange(4_000) + 0.5) / 4_000  # a number in the middle of each of as many equal parts
    found = np.bincount([sampler(logits, u) for u in grid], minlength=12) / 4_000
    np.testing.assert_allclose(found, by_hand(logits.astype(float), temperature, top_k, top_p), atol=3e-4)


def test_equals_are_kept_in_the_order_of_their_ids() -> None:
    for top_k, expected in ((1, {1}), (2, {1, 2}), (3, {1, 2, 4}), (4, {0, 1, 2, 4})):
        sampler = Sampler(1.0, top_k)
        scores = np.array([0.0, 5.0, 5.0, 0.0, 5.0], "float32")
        assert {sampler(scores, u) for u in np.linspace(0, 0.9999, 5000)} == expected
    assert Sampler(0)(np.array([0.0, 5.0, 5.0], "float32"), 0.9) == 1


@pytest.mark.parametrize("temperature", [0, 1e-320, 0.01, 1.0, 1e308])
def test_what_is_impossible_is_never_drawn(temperature: float) -> None:
    scores = np.array([-np.inf, 0.0, -np.inf, 1.0, -np.inf], "float32")
    with np.errstate(over="ignore"):
        for u in (0.0, 0.5, float(np.nextafter(1, 0))):
            for options in ((None, None), (4, None), (None, 1.0), (4, 1.0)):
                assert Sampler(temperature, *options)(scores, u) in (1, 3)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.0, np.nan], "received nan for token 1 of 2"),
        ([np.inf, 0.0], "received inf for token 0"),
        ([-np.inf, -np.inf], "received -inf for token 0"),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_outputs_that_are_no_scores(scores: list[float], message: str, temperature: float) -> None:
    with pytest.raises(ValueError, match=message):
        Sampler(temperature)(np.array(scores, "float32"), 0.5)


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), [(1.0, None, None), (0.7, 5, None), (1.0, None, 0.8)])
def test_drawn_tokens_are_distributed_as_the_model_says(
    temperature: float, top_k: int | None, top_p: float | None
) -> None:
    model = pairs(np.tile(TABLE[:1], (TOKENS, 1)))  # the same for every last token: all draws are of one distribution
    count = 5_000
    drawn = generate(model, [0], count, temperature, top_k, top_p, seed=1)
    expected = count * by_hand(TABLE[0].astype(float), temperature, top_k, top_p)
    found = np.bincount(drawn, minlength=TOKENS)
    possible = expected > 0
    assert found[~possible].sum() == 0
    chi_square = float(((found - expected)[possible] ** 2 / expected[possible]).sum())
    freedom = int(possible.sum()) - 1
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom), "more than 4 standard deviations off"


# --- generating -------------------------------------------------------------------------------------------------------


def test_greedy_text_follows_the_largest_scores() -> None:
    ids, token = [], int(VOCABULARY.encode(",")[0])
    for _ in range(30):
        token = int(TABLE[token].argmax())
        ids.append(token)
    for options in ({"temperature": 0}, {"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-9}):
        assert generate(MODEL, "to be,", 30, vocabulary=VOCABULARY, **options) == VOCABULARY.decode(ids)
        assert generate(MODEL, VOCABULARY.encode("to be,"), 30, **options).tolist() == ids


def test_the_same_seed_gives_the_same_text() -> None:
    first = generate(MODEL, "to", 50, seed=3, vocabulary=VOCABULARY)
    assert len(first) == 50 and first == generate(MODEL, "to", 50, seed=3, vocabulary=VOCABULARY)
    assert first != generate(MODEL, "to", 50, seed=4, vocabulary=VOCABULARY)
    assert generate(MODEL, "to", 20, seed=3, vocabulary=VOCABULARY) == first[:20]
    longer = generate(MODEL, [0], 3000, seed=3)
    np.testing.assert_array_equal(generate(MODEL, [0], 2500, seed=3), longer[:2500])
    assert not np.array_equal(longer[:1024], longer[1024:2048]), "the numbers go on, they do not begin again"
    ranvier.utils.set_random_seed(5)
    default = [generate(MODEL, "to", 50, vocabulary=VOCABULARY) for _ in range(2)]
    ranvier.utils.set_random_seed(5)
    assert default == [generate(MODEL, "to", 50, vocabulary=VOCABULARY) for _ in range(2)] and default[0] != default[1]
    generator = ranvier.random.SeedGenerator(6)
    one, two = (generate(MODEL, "to", 50, seed=generator, vocabulary=VOCABULARY) for _ in range(2))
    assert one != two and one == generate(MODEL, "to", 50, seed=ranvier.random.SeedGenerator(6), vocabulary=VOCABULARY)


class Flushed(io.StringIO):
    """Counts what was there at each flush."""

    def __init__(self) -> None:
        super().__init__()
        self.lengths: list[int] = []

    def flush(self) -> None:
        self.lengths.append(len(self.getvalue()))


def test_streaming_writes_each_token_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    expected = generate(MODEL, "to", 25, seed=0, vocabulary=VOCABULARY)
    out = Flushed()
    assert generate(MODEL, "to", 25, seed=0, vocabulary=VOCABULARY, stream=out) == expected == out.getvalue()
    assert out.lengths == list(range(1, 26))
    assert capsys.readouterr().out == ""
    generate(MODEL, "to", 25, seed=0, vocabulary=VOCABULARY, stream=True)
    assert capsys.readouterr().out == expected
    out = Flushed()
    ids = generate(MODEL, [0, 1], 5, seed=0, stream=out)
    assert out.getvalue() == "".join(f"{i} " for i in ids)


def test_probabilities_are_noticed() -> None:
    exp = np.exp(TABLE.astype(float))
    softmax = pairs((exp / exp.sum(axis=1, keepdims=True)).astype("float32"))
    expected = generate(MODEL, "to", 60, 0.8, seed=0, vocabulary=VOCABULARY)
    for from_logits in (None, False):
        assert generate(softmax, "to", 60, 0.8, seed=0, vocabulary=VOCABULARY, from_logits=from_logits) == expected
    as_logits = generate(softmax, "to", 60, 0.8, seed=0, vocabulary=VOCABULARY, from_logits=True)
    assert as_logits != expected
    certain = np.zeros((TOKENS, TOKENS), "float32")
    certain[:, 2] = 1  # zeros are impossible, and make no warning
    assert generate(pairs(certain), [0], 5).tolist() == [2] * 5


def test_other_vocabularies_and_prompts() -> None:
    class Words:
        words = ("to", "be", "or", "not")

        def encode(self, text: str) -> list[int]:
            return [self.words.index(word) for word in text.split()]

        def decode(self, ids: Any) -> str:
            return "".join(f"{self.words[i]} " for i in ids)

    table = np.full((4, 4), -50.0)
    table[[0, 1, 2, 3], [1, 2, 3, 0]] = 50
    assert generate(pairs(table), "or not", 5, vocabulary=Words()) == "to be or not to "
    assert generate(pairs(table), ranvier.ops.convert_to_tensor([0, 1]), 3).tolist() == [2, 3, 0]
    assert generate(pairs(table), range(2), 3).tolist() == [2, 3, 0]
    assert generate(MODEL, "to", 0, vocabulary=VOCABULARY) == "" and generate(MODEL, [0], 0).shape == (0,)


def test_generating_leaves_no_history_and_changes_nothing() -> None:
    weights = MODEL.get_weights()
    generate(MODEL, "to", 5, vocabulary=VOCABULARY)
    assert ranvier._core.is_grad_enabled()
    for before, after in zip(weights, MODEL.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"prompt": ""}, ValueError, "prompt: expected at least one token to go on from, received ''"),
        ({"prompt": []}, ValueError, "prompt: expected at least one token"),
        ({"prompt": [0.5]}, TypeError, r"prompt: expected text or integers in one axis, received float64"),
        ({"prompt": [[0]]}, TypeError, r"prompt: .* received int64 of shape \(1, 1\)"),
        ({"prompt": [-1]}, ValueError, "prompt: expected ids from 0 to .* received -1"),
        ({"prompt": [2**40]}, ValueError, "prompt: expected ids from 0 to"),
        ({"prompt": "be", "vocabulary": None}, ValueError, r"vocabulary: expected an object with encode\(\)"),
        ({"length": -1}, ValueError, "length: expected an integer of at least 0, received -1"),
        ({"length": 2.5}, ValueError, "length: expected an integer of at least 0, received 2.5"),
        ({"length": True}, ValueError, "length: expected an integer"),
        ({"temperature": -0.1}, ValueError, "temperature: expected a finite number of at least 0, received -0.1"),
        ({"temperature": float("nan")}, ValueError, "temperature: .* received nan"),
        ({"temperature": "hot"}, ValueError, "temperature: .* received 'hot'"),
        ({"top_k": 0}, ValueError, "top_k: expected an integer of at least 1 or None, received 0"),
        ({"top_k": 2.0}, ValueError, "top_k: expected an integer"),
        ({"top_p": 0}, ValueError, "top_p: expected a number above 0 and at most 1, or None, received 0"),
        ({"top_p": 1.01}, ValueError, "top_p: .* received 1.01"),
        ({"seed": -1}, ValueError, "seed: expected an int from 0"),
        ({"seed": "x"}, TypeError, "seed: expected an int or None"),
        ({"stream": 3}, TypeError, r"stream: expected a bool or a file with write\(\), received 3"),
        ({"context_length": 0}, ValueError, "context_length: expected an integer of at least 1, received 0"),
        ({"model": layers.Dense(3)}, TypeError, "model: expected a Model or Sequential, received Dense"),
        ({"vocabulary": CharacterVocabulary(PLAY + "Z")}, ValueError, "vocabulary: expected one of 18 tokens, .* 19"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"model": MODEL, "prompt": "to be", "length": 3, "vocabulary": VOCABULARY} | arguments
    with pytest.raises(error, match=rf"^\[generate\] {message}"):
        generate(**given)


def test_an_unknown_character_is_named_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"received 'Z' \(U\+005A\) at position 6"):
        generate(MODEL, "to be Z", 3, vocabulary=VOCABULARY)
    with pytest.raises(ValueError, match=r"18|vocabulary"):
        generate(MODEL, [99], 3)


def test_a_text_without_end_can_be_stopped() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            if self.tell() >= 10:
                raise OSError("no space left")
            return super().write(text)

    out = Full()
    with pytest.raises(OSError, match="no space left"):
        generate(MODEL, "to", 10**30, vocabulary=VOCABULARY, stream=out)
    assert len(out.getvalue()) == 10


def test_a_model_that_says_something_else() -> None:
    images = ranvier.Sequential([ranvier.Input((None,)), layers.Reshape((-1, 1, 1)), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"model: expected outputs of shape \(1, time, tokens\).*\(1, 2, 1, 2\)"):
        generate(images, [0, 1], 3)
    table = TABLE.copy()
    table[3] = np.nan
    with pytest.raises(ValueError, match="expected finite outputs of the model, received nan for token 0 of 18"):
        generate(pairs(table), [0, 3], 2)
