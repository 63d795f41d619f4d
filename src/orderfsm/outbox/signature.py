"""Signatures of webhooks, as Standard Webhooks has them: HMAC-SHA256 over id, timestamp and body.

https://www.standardwebhooks.com; any library for it verifies what is signed here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from orderfsm.errors import BadSignature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Secrets", "verify"]

PREFIX = "whsec_"
SHORTEST = 24
"""How many bytes a secret has at least."""

MOST_SIGNATURES = 16
"""How many signatures of one message are looked at."""


class Secrets:
    """What signs and verifies: texts (`whsec_` and Base64) or bytes, several while one replaces another.

    Neither its text nor an error shows them. Raises ValueError for one that is too short or no Base64.
    """

    def __init__(self, secrets: Iterable[str | bytes] | str | bytes) -> None:
        given = [secrets] if isinstance(secrets, str | bytes) else list(secrets)
        if not given:
            raise ValueError("there is no secret; give at least one")
        self._keys = [_key(secret, number) for number, secret in enumerate(given, 1)]

    def sign(self, id: str, moment: datetime, body: bytes) -> dict[str, str]:
        """The three headers of a message: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""
        stamp = str(int(moment.timestamp()))
        signed = " ".join(f"v1,{_signature(key, id, stamp, body)}" for key in self._keys)
        return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signed}

    def fits(self, id: str, stamp: str, body: bytes, signatures: Sequence[str]) -> bool:
        """Whether one of the signatures was made with one of the secrets; takes as long whichever it is."""
        fitting = False
        for key in self._keys:
            wanted = _signature(key, id, stamp, body).encode()
            for signature in signatures:
                fitting |= hmac.compare_digest(wanted, signature.encode(errors="replace"))
        return fitting


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Secrets | Iterable[str | bytes] | str | bytes,
    *,
    tolerance: timedelta = timedelta(minutes=5),
    now: datetime | None = None,
) -> str:
    """The id of a webhook that was signed with one of the secrets, not longer ago (or ahead) than `tolerance`.

    `body` is what arrived, byte by byte, before anything has parsed it. Raises BadSignature. The same id may come
    again: keep the ids that were dealt with, in the transaction that deals with them.
    """
    told = {name.lower(): value for name, value in headers.items()}
    id, stamp, header = (told.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not (id and stamp and header):
        raise BadSignature("the headers webhook-id, webhook-timestamp and webhook-signature belong to a webhook")
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
        raise BadSignature("webhook-timestamp is not a number of seconds")
    offered = [text[3:] for text in header.split(" ")[:MOST_SIGNATURES] if text.startswith("v1,")]
    known = secrets if isinstance(secrets, Secrets) else Secrets(secrets)
    if not known.fits(id, stamp, body, offered):
        raise BadSignature("no signature of the webhook was made with a secret that is known here")
    apart = abs((now or datetime.now(UTC)).timestamp() - int(stamp))
    if apart > tolerance.total_seconds():
        raise BadSignature(f"the webhook was signed {apart:.0f} seconds away from now; {tolerance} are allowed")
    return id


def _signature(key: bytes, id: str, stamp: str, body: bytes) -> str:
    signed = hmac.new(key, b".".join([id.encode(errors="replace"), stamp.encode(), body]), hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()


def _key(secret: str | bytes, number: int) -> bytes:
    """The bytes of a secret; an error says which one it is, not what it is."""
    try:
        key = secret if isinstance(secret, bytes) else base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"secret {number} is not Base64, with or without {PREFIX} in front") from None
    if len(key) < SHORTEST:
        raise ValueError(f"secret {number} has {len(key)} bytes; at least {SHORTEST} are needed, at random")
    return key
