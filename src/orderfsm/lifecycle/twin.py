"""The same methods for an AsyncSession: one implementation, run where the driver may wait."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

__all__ = ["twin"]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def twin(
    method: Callable[Concatenate[S, Session, P], R],
) -> Callable[Concatenate[S, AsyncSession, P], Coroutine[Any, Any, R]]:
    """The same method for an AsyncSession."""

    async def twin(self: S, session: AsyncSession, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not hasattr(session, "run_sync"):
            name = method.__name__
            raise TypeError(f"{type(session).__name__} is no AsyncSession, as a{name} takes; a Session goes to {name}")
        return await session.run_sync(functools.partial(method, self), *args, **kwargs)

    twin.__name__ = twin.__qualname__ = f"a{method.__name__}"
    twin.__doc__ = f"`{method.__name__}` in an AsyncSession."
    return twin
