"""Names to objects: every way to name one, user-defined classes, and messages that help."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ranvier import _registry
from ranvier._registry import (
    CustomObjectScope,
    Registry,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    to_snake_case,
)


class Base:
    """A stand-in for Loss, Layer, ..."""

    def __init__(self, size: int = 1) -> None:
        self.size = size

    def get_config(self) -> dict[str, Any]:
        return {"size": self.size}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


@pytest.fixture
def things() -> Registry[Base]:
    registry = Registry("thing", Base)

    @registry.register("gu", "GU")
    class GlorotUniform(Base):
        pass

    @registry.register()
    class Sized(Base):
        def __init__(self, size: int) -> None:
            super().__init__(size)

    return registry


@pytest.fixture(autouse=True)
def clean_table() -> Iterator[None]:
    objects, names = dict(_registry._GLOBAL_OBJECTS), dict(_registry._GLOBAL_NAMES)
    yield
    for table, before in ((_registry._GLOBAL_OBJECTS, objects), (_registry._GLOBAL_NAMES, names)):
        table.clear()
        table.update(before)


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("AUC", "auc"),
        ("R2Score", "r2_score"),
        ("F1Score", "f1_score"),
        ("KLDivergence", "kl_divergence"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("L1L2", "l1l2"),
    ],
)
def test_snake_case_follows_keras(name: str, snake: str) -> None:
    assert to_snake_case(name) == snake


@pytest.mark.parametrize("name", ["GlorotUniform", "glorot_uniform", "glorotuniform", "gu", "GU", "GLOROT_UNIFORM"])
def test_every_spelling_gives_a_fresh_default_instance(things: Registry[Base], name: str) -> None:
    first, second = things.get(name), things.get(name)
    assert type(first).__name__ == "GlorotUniform" and first.size == 1
    assert first is not second


def test_other_identifiers(things: Registry[Base]) -> None:
    instance = Base(3)
    assert things.get(None) is None
    assert things.get(instance) is instance
    cls = things.lookup("gu")
    assert type(things.get(cls)) is cls
    made = things.get({"class_name": "GlorotUniform", "config": {"size": 5}})
    assert type(made) is cls and made.size == 5
    # Keras's own form
    record = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {}, "registered_name": None}
    assert type(things.get(record)) is cls


def test_round_trip(things: Registry[Base]) -> None:
    made = things.get({"class_name": "Sized", "config": {"size": 9}})
    record = things.serialize(made)
    assert record == {"class_name": "Sized", "config": {"size": 9}}
    again = things.deserialize(record)
    assert type(again) is type(made) and again.size == 9


def test_unknown_name_says_what_was_meant(things: Registry[Base]) -> None:
    with pytest.raises(ValueError, match=r"\[thing\] unknown name 'glorot_unifrom'; did you mean 'glorot_uniform'\?"):
        things.get("glorot_unifrom")
    with pytest.raises(ValueError, match=r"Known: glorot_uniform, sized\."):
        things.get("zzz")


@pytest.mark.parametrize(
    ("identifier", "error", "message"),
    [
        (3, TypeError, r"\[thing\] expected a name, a Base instance, .* received 3 of type int"),
        (dict, TypeError, r"received dict \(a class\)"),
        (len, TypeError, r"\[thing\] expected a name"),
        ("sized", TypeError, r"Sized cannot be made from its name alone.*pass an instance: Sized\(\.\.\.\)"),
        ({"config": {}}, ValueError, r"expected a config dict with 'class_name'"),
        ({"class_name": "Sized", "config": {"colour": 1}}, ValueError, r"Sized does not accept the config"),
        ({"class_name": "Sized", "config": 4}, ValueError, r"config of 'Sized': expected a dict, received 4"),
        ({"class_name": "Nothing", "config": {}}, ValueError, r"unknown name 'Nothing'"),
    ],
)
def test_refusals(things: Registry[Base], identifier: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        things.get(identifier)


def test_an_error_inside_a_constructor_is_not_disguised() -> None:
    registry = Registry("thing", Base)

    @registry.register()
    class Broken(Base):
        def __init__(self) -> None:
            raise TypeError("inner trouble")

    with pytest.raises(TypeError, match="^inner trouble$"):
        registry.get("broken")


def test_a_name_is_taken_once(things: Registry[Base]) -> None:
    with pytest.raises(ValueError, match=r"\[thing\] name 'gu' is taken"):

        @things.register("gu")
        class Other(Base):
            pass


def test_registry_of_functions() -> None:
    registry: Registry[Any] = Registry("activation")

    @registry.register("swish")
    def silu(x: float) -> float:
        return x

    def own(x: float) -> float:
        return x

    assert registry.get("swish") is silu
    assert registry.get(own) is own
    assert registry.serialize(silu) == "silu"
    assert registry.deserialize("silu") is silu
    assert registry.get({"class_name": "function", "config": "silu", "module": "keras.activations"}) is silu
    with pytest.raises(TypeError, match="named function"):
        registry.serialize(lambda x: x)


# --- user-defined classes --------------------------------------------------------------------------------------------


def test_registered_classes_are_found_by_every_way_of_loading(things: Registry[Base]) -> None:
    @register_keras_serializable("mine", name="Half")
    class Halved(Base):
        pass

    assert get_registered_name(Halved) == "mine>Half"
    assert get_registered_object("mine>Half") is Halved
    assert get_custom_objects()["mine>Half"] is Halved
    record = things.serialize(Halved(4))
    assert record == {"class_name": "Halved", "config": {"size": 4}, "registered_name": "mine>Half"}
    assert type(things.deserialize(record)) is Halved
    assert type(things.get("mine>Half")) is Halved


def test_unregistered_names_and_objects() -> None:
    assert get_registered_name(Base) == "Base"
    assert get_registered_object("nothing") is None
    assert get_registered_object("a", custom_objects={"a": 1}) == 1
    assert get_registered_object("b", module_objects={"b": 2}) == 2


def test_registering_needs_get_config() -> None:
    with pytest.raises(ValueError, match="'Bare' has no get_config"):

        @register_keras_serializable()
        class Bare:
            pass


def test_scopes_nest_and_end(things: Registry[Base]) -> None:
    class A(Base):
        pass

    class B(Base):
        pass

    with CustomObjectScope({"Own": A}):
        assert type(things.get("Own")) is A
        with CustomObjectScope({"Own": B, "Other": A}):
            assert type(things.get("Own")) is B and type(things.get("Other")) is A
        assert type(things.get("Own")) is A
    with pytest.raises(ValueError, match="unknown name 'Own'"):
        things.get("Own")
    with pytest.raises(TypeError, match="custom_objects"):
        CustomObjectScope([A])  # type: ignore[arg-type]


def test_a_scope_ends_on_errors_too(things: Registry[Base]) -> None:
    with pytest.raises(KeyError), CustomObjectScope({"Own": Base}):
        raise KeyError
    assert get_registered_object("Own") is None


def test_a_scope_stays_in_its_thread() -> None:
    seen: list[Any] = []
    with CustomObjectScope({"Own": Base}):
        thread = threading.Thread(target=lambda: seen.append(get_registered_object("Own")))
        thread.start()
        thread.join()
        assert get_registered_object("Own") is Base
    assert seen == [None]


def test_custom_objects_argument_wins_and_reaches_inner_parts(things: Registry[Base]) -> None:
    class Inner(Base):
        pass

    class Outer(Base):
        def __init__(self, part: Any) -> None:
            super().__init__()
            self.part = things.get(part)

    record = {"class_name": "Outer", "config": {"part": {"class_name": "Inner", "config": {"size": 2}}}}
    made = things.deserialize(record, custom_objects={"Outer": Outer, "Inner": Inner})
    assert type(made) is Outer and type(made.part) is Inner and made.part.size == 2

    class Mine(Base):
        pass

    assert type(things.get("GlorotUniform", custom_objects={"GlorotUniform": Mine})) is Mine


def test_objects_of_another_kind_do_not_answer(things: Registry[Base]) -> None:
    class Unrelated:
        pass

    with CustomObjectScope({"Own": Unrelated}), pytest.raises(ValueError, match="unknown name 'Own'"):
        things.get("Own")


def test_default_names_count_up() -> None:
    _registry.reset_auto_names()
    assert [_registry.auto_name(n) for n in ("Dense", "dense", "AUC", "Dense")] == [
        "dense",
        "dense_1",
        "auc",
        "dense_2",
    ]
    _registry.reset_auto_names()
    assert _registry.auto_name("Dense") == "dense"
