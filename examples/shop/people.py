"""Who asks: a key in the header X-Api-Key. Yours are in a table, or in a token that somebody else has signed."""

from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import APIKeyHeader

from orderfsm.http import Principal

ACCOUNTS = {
    "anna": Principal("c-1", frozenset({"customer"}), "Anna"),
    "bert": Principal("c-2", frozenset({"customer"}), "Bert"),
    "shop": Principal("s-1", frozenset({"staff"}), "Sam of the shop"),
}


async def whoever_asks(
    key: Annotated[str | None, Depends(APIKeyHeader(name="X-Api-Key", auto_error=False))],
) -> Principal:
    who = ACCOUNTS.get(key or "")
    if who is None:
        raise HTTPException(401, "say who you are in the header X-Api-Key")
    return who


async def customer(who: Annotated[Principal, Depends(whoever_asks)]) -> Principal:
    return _in_role(who, "customer")


async def staff(who: Annotated[Principal, Depends(whoever_asks)]) -> Principal:
    return _in_role(who, "staff")


def _in_role(who: Principal, role: str) -> Principal:
    if role not in who.roles:
        raise HTTPException(403, f"this is for {role}")
    return who
