"""ASCII in place of signs, for terminals and pipes whose encoding lacks them: what is printed is plainer, and there."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

__all__ = ["SIGNS", "stand_in"]

SIGNS = dict(zip("─╌━╍═▶◀●•│║┌└╔╚├┬┼┤┴┐┘○◔‖✓✗⊘»·…—", "-.=:#><**||+++++++++++o@=vx/>-~-", strict=True))
"""A sign -> its stand-in, as wide as it is. What is not here becomes a question mark."""

NAME = "orderfsm.stand_in"


def stand_in(stream: TextIO | None) -> None:
    """Let a stream write stand-ins for what its encoding lacks, where it would raise an error."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
        codecs.register_error(NAME, _replaced)
        stream.reconfigure(errors=NAME)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(SIGNS.get(sign, "?") for sign in error.object[error.start : error.end]), error.end
