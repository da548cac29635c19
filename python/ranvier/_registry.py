"""Names to objects: one registry per kind (layer, loss, metric, ...) and one table of user-defined classes.

A registry answers ``get("glorot_uniform")``, ``get(GlorotUniform)``, ``get(GlorotUniform(seed=1))`` and
``get({"class_name": "GlorotUniform", "config": {...}})`` alike, and writes the dictionary form with ``serialize``.
User classes become known to every registry through ``register_keras_serializable`` (for good), ``CustomObjectScope``
(inside a ``with`` block) or a ``custom_objects`` argument (for one call). Names and semantics follow Keras 3.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")
D = TypeVar("D")

_GLOBAL_OBJECTS: dict[str, Any] = {}
_GLOBAL_NAMES: dict[Any, str] = {}
# A context variable, so that a scope opened in one thread is not seen by another.
_SCOPE: ContextVar[dict[str, Any] | None] = ContextVar("ranvier_custom_objects", default=None)
_NAME_COUNTS: dict[str, int] = {}


def to_snake_case(name: str) -> str:
    """``"GlorotUniform"`` -> ``"glorot_uniform"``, with the rules of Keras (``"AUC"`` -> ``"auc"``)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Keras's default object names: ``"dense"``, then ``"dense_1"``, ``"dense_2"``, ... for each further request."""
    prefix = to_snake_case(prefix)
    count = _NAME_COUNTS.get(prefix, 0)
    _NAME_COUNTS[prefix] = count + 1
    return f"{prefix}_{count}" if count else prefix


def reset_auto_names() -> None:
    """Starts every counter of `auto_name` anew (part of ``clear_session``)."""
    _NAME_COUNTS.clear()


def suggestion(name: str, known: list[str]) -> str:
    """``"; did you mean 'adam'?"`` when a known name is close to `name`, otherwise an empty string."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(to_snake_case(name), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


class CustomObjectScope:
    """Makes `custom_objects` (name -> class or function) known to every registry inside a ``with`` block.

    Scopes nest: the inner one adds to the outer one and wins where names are equal. A name given here also wins over
    a built-in name.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        if custom_objects is not None and not isinstance(custom_objects, Mapping):
            raise TypeError(
                "[CustomObjectScope] custom_objects: expected a dict of name -> class or function, "
                f"received {type(custom_objects).__name__}."
            )
        self.custom_objects: dict[str, Any] = dict(custom_objects or {})
        self._outer: list[dict[str, Any] | None] = []

    def __enter__(self) -> CustomObjectScope:
        outer = _SCOPE.get()
        self._outer.append(outer)
        _SCOPE.set({**(outer or {}), **self.custom_objects})
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _SCOPE.set(self._outer.pop())


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """The live table filled by `register_keras_serializable`: ``"package>name"`` -> class or function."""
    return _GLOBAL_OBJECTS


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[D], D]:
    """Decorator: remembers a class (with ``get_config``) or a function as ``"package>name"`` for saving and loading.

    `name` defaults to the object's own name. Raises ValueError for a class without ``get_config``.
    """

    def decorator(obj: D) -> D:
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"[register_keras_serializable] class {obj.__name__!r} has no get_config() method; "
                "add one that returns the constructor's arguments."
            )
        registered = f"{package}>{name if name is not None else getattr(obj, '__name__', repr(obj))}"
        _GLOBAL_OBJECTS[registered] = obj
        _GLOBAL_NAMES[obj] = registered
        return obj

    return decorator


def get_registered_name(obj: Any) -> str:
    """``"package>name"`` of a registered class or function, otherwise its ``__name__``."""
    registered = _GLOBAL_NAMES.get(obj)
    return registered if registered is not None else str(obj.__name__)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any | None:
    """The object known as `name`: scope first, then registered, then the two mappings; None when there is none."""
    for table in (_SCOPE.get(), _GLOBAL_OBJECTS, custom_objects, module_objects):
        if table and name in table:
            return table[name]
    return None


_MOST_NAMES = 40  # in an error message


class Registry(Generic[T]):
    """All objects of one kind, by name.

    Args:
        kind: word used in messages, such as ``"loss"``.
        base: class every instance of this kind derives from; None for a registry of functions (activations).
        callables: accept functions beside instances of `base` (losses and metrics do); always true without `base`.
    """

    def __init__(self, kind: str, base: type[T] | None = None, *, callables: bool = False) -> None:
        self.kind = kind
        self.base = base
        self.callables = callables or base is None
        self._objects: dict[str, Any] = {}  # every accepted spelling
        self._primary: dict[str, Any] = {}  # one name per object: class name, or name of the function

    # -- filling -------------------------------------------------------------------------------------------------

    def register(self, *aliases: str) -> Callable[[D], D]:
        """Decorator: adds a class (or function) under its name, its snake_case and lower-case forms and `aliases`."""

        def decorator(obj: D) -> D:
            name = str(getattr(obj, "__name__"))  # noqa: B009  mypy does not know that D has a name
            for key in dict.fromkeys((name, to_snake_case(name), *aliases)):
                other = self._objects.get(key)
                if other is not None and other is not obj and _origin(other) != _origin(obj):
                    raise ValueError(f"[{self.kind}] name {key!r} is taken by {other!r}; choose another for {obj!r}.")
                self._objects[key] = obj
            self._objects.setdefault(name.lower(), obj)
            self._primary[name] = obj
            return obj

        return decorator

    # -- asking --------------------------------------------------------------------------------------------------

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._objects

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self) -> list[str]:
        """One name per registered object, sorted: snake_case for classes, the plain name for functions."""
        return sorted(to_snake_case(n) if inspect.isclass(o) else n for n, o in self._primary.items())

    def classes(self) -> dict[str, Any]:
        """Registered objects by class (or function) name, in order of registration."""
        return dict(self._primary)

    def lookup(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The class or function called `name`, user-defined ones first; ValueError with a suggestion otherwise."""
        obj = self._find(name, custom_objects)
        if obj is None:
            known = self.names()
            if len(known) > _MOST_NAMES:  # nobody reads a page of them: those that begin alike
                alike = [n for n in known if n[:1] == name[:1].lower()][:_MOST_NAMES]
                known = [*alike, f"{len(known) - len(alike)} others"]
            hint = suggestion(name, sorted(self._objects))
            raise ValueError(
                f"[{self.kind}] unknown name {name!r}{hint or '.'} Known: {', '.join(known) or 'nothing'}."
            )
        return obj

    def _find(self, name: str, custom_objects: Mapping[str, Any] | None) -> Any | None:
        for table in (custom_objects, _SCOPE.get(), _GLOBAL_OBJECTS):
            if table and name in table and self._fits(table[name]):
                return table[name]
        obj = self._objects.get(name)
        return obj if obj is not None else self._objects.get(name.lower())

    def _fits(self, obj: Any) -> bool:
        """The table of user objects is shared by all kinds, so a layer must not answer for a loss."""
        if inspect.isclass(obj):
            return self.base is None or issubclass(obj, self.base)
        if self.base is not None and isinstance(obj, self.base):
            return True
        return self.callables and callable(obj)

    # -- identifier -> object ------------------------------------------------------------------------------------

    def get(self, identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Resolves `identifier` to an object of this kind.

        Args:
            identifier: None (gives None), an instance (itself), a name (default instance, or the function of that
                name), a dictionary as written by `serialize`, or a class (default instance).
            custom_objects: name -> class or function, asked before everything else.

        Raises:
            ValueError: unknown name or config that does not fit the class.
            TypeError: `identifier` is none of the above, or a class that cannot be made without arguments.
        """
        if identifier is None:
            return None
        if self.base is not None and isinstance(identifier, self.base):
            return identifier
        if isinstance(identifier, str):
            return self._make(self.lookup(identifier, custom_objects))
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier, custom_objects)
        if inspect.isclass(identifier) and self._fits(identifier):
            return self._make(identifier)
        if self.callables and callable(identifier) and not inspect.isclass(identifier):
            return identifier
        wanted = "a function" if self.base is None else f"{_article(self.base.__name__)} instance"
        received = identifier.__name__ + " (a class)" if inspect.isclass(identifier) else repr(identifier)
        raise TypeError(
            f"[{self.kind}] expected a name, {wanted}, a config dict or None, "
            f"received {received} of type {type(identifier).__name__}."
        )

    def _make(self, obj: Any) -> Any:
        if not inspect.isclass(obj):
            return obj
        try:
            return obj()
        except TypeError as error:
            if _can_be_called_bare(obj):
                raise
            raise TypeError(
                f"[{self.kind}] {obj.__name__} cannot be made from its name alone ({error}); "
                f"pass an instance: {obj.__name__}(...)."
            ) from error

    # -- saving and loading --------------------------------------------------------------------------------------

    def serialize(self, obj: Any) -> Any:
        """None -> None, a function -> its name, an instance -> ``{"class_name", "config"}``.

        User classes registered with `register_keras_serializable` also carry ``"registered_name"``.
        """
        if obj is None or isinstance(obj, str):
            return obj
        if hasattr(obj, "get_config") and not inspect.isclass(obj):
            cls = type(obj)
            record: dict[str, Any] = {"class_name": cls.__name__, "config": obj.get_config()}
            if cls in _GLOBAL_NAMES:
                record["registered_name"] = _GLOBAL_NAMES[cls]
            return record
        name = getattr(obj, "__name__", None)
        if name is None or name == "<lambda>" or inspect.isclass(obj):
            raise TypeError(
                f"[{self.kind}] cannot serialize {obj!r}: expected an object with get_config() or a named function."
            )
        return get_registered_name(obj)

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The inverse of `serialize`; also reads Keras's form, whose ``"module"`` and other keys are ignored.

        Raises ValueError for an unknown class or a config the class does not accept.
        """
        if not isinstance(config, Mapping):
            return self.get(config, custom_objects)
        class_name = config.get("class_name")
        if not isinstance(class_name, str):
            raise ValueError(
                f"[{self.kind}] expected a config dict with 'class_name' and 'config', received keys {sorted(config)}."
            )
        inner = config.get("config")
        if class_name == "function":  # Keras writes functions this way
            return self._make(self.lookup(str(inner), custom_objects))
        registered = config.get("registered_name")
        cls = self._find(registered, custom_objects) if isinstance(registered, str) else None
        if cls is None:
            cls = self.lookup(class_name, custom_objects)
        if not inspect.isclass(cls):
            return cls
        if inner is not None and not isinstance(inner, Mapping):
            raise ValueError(f"[{self.kind}] config of {class_name!r}: expected a dict, received {inner!r}.")
        with CustomObjectScope(custom_objects):  # parts inside this one may be user-defined, too
            try:
                return cls.from_config(dict(inner or {})) if hasattr(cls, "from_config") else cls(**(inner or {}))
            except TypeError as error:
                raise ValueError(
                    f"[{self.kind}] {class_name} does not accept the config {str(inner):.200}: {error}"
                ) from error

    def __repr__(self) -> str:
        return f"<Registry {self.kind}: {', '.join(self.names())}>"


def _origin(obj: Any) -> tuple[Any, Any]:
    """Where an object was defined: the same place twice is a reloaded module, not a clash."""
    return getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)


def _article(word: str) -> str:
    return f"{'an' if word[:1] in 'AEIOU' else 'a'} {word}"


def _can_be_called_bare(cls: Any) -> bool:
    try:
        inspect.signature(cls).bind()
    except TypeError:
        return False
    return True
