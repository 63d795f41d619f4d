"""The local file of tokens: who may ask what, known by the digest of a secret that is nowhere else.

One JSON object per line. A token has 128 random bits, so that a plain SHA-256 is as good as a slow hash: nobody guesses
it. The file is read again when it changes; a line that was taken out ends its token.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .principal import Authenticate, Principal

__all__ = ["Grant", "Tokens"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
ROLE = re.compile(r"[a-z][a-z0-9_]{0,63}/[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Grant:
    """One line: a principal, and its roles as `vocabulary/actor`, such as `adobe/partner`."""

    id: str
    roles: frozenset[str]
    digest: str
    created: str = ""

    def principal(self, vocabulary: str) -> Principal | None:
        """Who this is for one vocabulary; None where it has no role."""
        mine = frozenset(role.partition("/")[2] for role in self.roles if role.partition("/")[0] == vocabulary)
        return Principal(self.id, mine) if mine else None


class Tokens:
    """The grants of a file; one that is not there yet has none.

    Raises ValueError for a line that is none, with its number.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._seen: tuple[int, int] | None = None
        self._grants: Mapping[str, Grant] = {}
        self._grants = self._current()

    def authenticator(self, vocabulary: str) -> Authenticate:
        """What a router of this vocabulary asks."""

        def authenticate(secret: str) -> Principal | None:
            grant = self.grant(secret)
            return None if grant is None else grant.principal(vocabulary)

        return authenticate

    def grant(self, secret: str) -> Grant | None:
        """The grant of a secret; None when there is none."""
        return self.granted(digest_of(secret))

    def granted(self, digest: str) -> Grant | None:
        """The grant of a secret that is known by its digest alone; None when there is none any more."""
        return self._current().get(digest)

    def grants(self) -> list[Grant]:
        """All of them, in the order of the file."""
        return list(self._current().values())

    def add(self, id: str, roles: Iterable[str]) -> str:
        """Add a line for a principal and return its new secret, which is shown this once.

        Raises ValueError for a name or a role that does not fit.
        """
        wanted = sorted(set(roles))
        if not NAME.fullmatch(id):
            raise ValueError(f"{id!r} names nobody; use up to 64 letters, digits, and _ . @ -")
        unfit = [role for role in wanted if not ROLE.fullmatch(role)]
        if unfit or not wanted:
            said = f"{unfit[0]!r} is no role" if unfit else "a token without a role may do nothing"
            raise ValueError(f"{said}; give VOCABULARY/ACTOR, e.g. adobe/partner")
        secret = secrets.token_urlsafe(16)
        line = {
            "id": id,
            "roles": wanted,
            "digest": digest_of(secret),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return secret

    def remove(self, id: str) -> int:
        """Take out the lines of a principal and return how many there were; the file is replaced as a whole."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        kept = [line for number, line in enumerate(lines, 1) if not line.strip() or self._read(number, line).id != id]
        if len(kept) != len(lines):
            beside = self._path.with_name(f"{self._path.name}.new")
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in kept)
            beside.replace(self._path)
        return len(lines) - len(kept)

    def _current(self) -> Mapping[str, Grant]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._grants = None, {}
            return self._grants
        seen = (found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            read = [self._read(number, line) for number, line in enumerate(lines, 1) if line.strip()]
            self._grants = {grant.digest: grant for grant in read}
            self._seen = seen
        return self._grants

    def _read(self, number: int, line: str) -> Grant:
        try:
            found = json.loads(line)
            grant = Grant(str(found["id"]), frozenset(found["roles"]), str(found["digest"]), found.get("created", ""))
            if re.fullmatch(r"[0-9a-f]{64}", grant.digest):
                return grant
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        raise ValueError(f"{self._path}:{number}: no token; `orderfsm token add` writes such lines")


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
