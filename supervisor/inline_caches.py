"""Methods that several classes inherit, with inline caches of their own for each.

The interpreter remembers with a method's code where the attributes of ``self`` lie, and for one class only (PEP 659).
Where two classes take turns, it looks all of them up at each call, which costs several times as much.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def keep_own_caches(cls: type, name: str) -> None:
    """Let a class run code of its own for a method that it inherits; one that it brings itself stays."""
    if name not in vars(cls):
        setattr(cls, name, with_own_caches(getattr(cls, name)))


def with_own_caches(method: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a method, for one class more."""
    function: Any = method
    code = function.__code__.replace()
    copied = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copied.__qualname__, copied.__doc__ = function.__qualname__, function.__doc__
    copied.__kwdefaults__, copied.__annotations__ = function.__kwdefaults__, function.__annotations__
    copied.__module__ = function.__module__
    return copied
