"""Options that belong together reach a command as one value."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["Decorator", "option_group"]

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def option_group(parameter: str, group: type[Any], *options: Decorator) -> Decorator:
    """A decorator that gives a command these options, in this order, and hands their values over
    as `group(...)`, in the one parameter of that name.

    Args:
        group: a dataclass with a field for each option, of the name that click gives its value.
    """
    names = [field.name for field in dataclasses.fields(group)]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)  # and with it, the options that it has already
        def grouped(*arguments: Any, **values: Any) -> Any:
            own = group(**{name: values.pop(name) for name in names})
            return function(*arguments, **values, **{parameter: own})

        decorated: Callable[..., Any] = grouped
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
