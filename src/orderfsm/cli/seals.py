"""Answers about seals: what was sealed, and what is no longer so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .answer import Answer
from .database import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orderfsm.audit import Audit

__all__ = ["seal"]


def seal(database: str, file: Path, head: str | None, *, verifying: bool) -> Answer:
    """Seal the histories of the ready-made tables, or verify the seals; 1 when something is not as it was sealed."""
    from orderfsm import audit
    from orderfsm.sqlmodel import Order, OrderHistory

    with opened(database) as connection:
        if verifying:
            found = audit.verify(connection, Order, OrderHistory, file, head=head)
        else:
            found = audit.seal(connection, Order, OrderHistory, file)
    return Answer(_data(found), list(_blocks(found, file, verifying=verifying)), int(bool(found.findings)))


def _data(found: Audit) -> dict[str, Any]:
    findings = [{"code": f.code, "path": f.path, "message": f.message} for f in found.findings]
    told = {"orders": found.orders, "entries": found.entries, "unsealed": found.unsealed, "head": found.head}
    return told | {"findings": findings}


def _blocks(found: Audit, file: Path, *, verifying: bool) -> Iterator[str]:
    yield from (str(finding) for finding in found.findings)
    yield f"{found.entries} entries of {found.orders} orders, {found.unsealed} of them without a seal"
    if found.findings and not verifying:
        yield "nothing was sealed, because of the findings"
    yield f"{file} ends in {found.head or 'nothing'}"
