"""Signed webhooks: each message is posted to one registered URL, by HTTP/1.1 and the standard library alone."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Literal

from orderfsm._version import __version__
from orderfsm.errors import NotDelivered, Undeliverable

from .address import target
from .cloudevents import DATA_TYPE, STRUCTURED, Envelope, binary_headers
from .signature import Secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from .message import Message

__all__ = ["Webhook"]

LONGEST_WAIT = timedelta(days=1)
"""How long a receiver can ask us to wait at most."""

GONE, BUSY = 410, (429, 503)


def _now() -> datetime:
    return datetime.now(UTC)


class Webhook:
    """Posts messages to `url`, signed with `secrets` (each of them); what a Relay delivers to.

    2xx is delivered; 410 is never; 429 and 503 are tried again when Retry-After says; anything else, and no answer
    within `timeout`, is tried again. Redirects are not followed. The host's addresses are looked up once per message,
    and the one that was checked is connected to; unless `allow` has "private" (and, for plain HTTP, "http"), they must
    be public ones. With "loopback" they may also be this host's own, by either scheme. Neither the URL's path nor a
    secret is in any error. Raises ValueError for a URL or a secret that will not do.

    `mode` is how the event is sent: "structured", as one JSON document, or "binary", the data alone with the rest in
    headers.
    """

    def __init__(
        self,
        url: str,
        secrets: Iterable[str | bytes] | str | bytes,
        *,
        envelope: Callable[[Message], Mapping[str, Any]] | None = None,
        mode: Literal["structured", "binary"] = "structured",
        timeout: timedelta = timedelta(seconds=10),
        allow: Collection[str] = (),
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._target = target(url, allow)
        self._secrets = Secrets(secrets)
        self._envelope = envelope or Envelope()
        self._mode = mode
        self._seconds = timeout.total_seconds()
        self._allow = frozenset(allow)
        self._tls = (tls or ssl.create_default_context()) if self._target.scheme == "https" else None
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Webhook {self._target.origin}>"

    def __call__(self, message: Message) -> None:
        """Post one message; raises NotDelivered or Undeliverable."""
        headers, body = self._written(message)
        headers |= self._secrets.sign(message.id, self._clock(), body)
        status, after = self._post(headers | {"user-agent": f"orderfsm/{__version__}", "connection": "close"}, body)
        if 200 <= status < 300:
            return
        said = f"{self._target.origin} answered {status}"
        if status == GONE:
            raise Undeliverable(said)
        raise NotDelivered(said, after=self._patience(after) if status in BUSY else None)

    def _written(self, message: Message) -> tuple[dict[str, str], bytes]:
        event = self._envelope(message)
        if self._mode == "binary":
            return {"content-type": DATA_TYPE, **binary_headers(event)}, _json(event["data"])
        return {"content-type": STRUCTURED}, _json(event)

    def _post(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str | None]:
        """The status of the answer and its Retry-After."""
        origin = self._target.origin
        end = time.monotonic() + self._seconds
        try:
            with self._connected(end) as connection:
                connection.request("POST", self._target.path, body, dict(headers))
                answer = connection.getresponse()
                if time.monotonic() >= end:  # hung up on in the middle of its headers, which looks like their end
                    raise TimeoutError
                return answer.status, answer.getheader("retry-after")
        except (OSError, HTTPException) as error:
            late = time.monotonic() >= end
            said = f"no answer within {self._seconds:g} s" if late else f"no answer ({type(error).__name__})"
            raise NotDelivered(f"{origin}: {said}") from None

    @contextmanager
    def _connected(self, end: float) -> Iterator[HTTPConnection]:
        """A connection to a checked address, which is hung up on at the end, whatever it is doing then."""
        raw = self._dial(end)
        line = raw.dup()  # TLS takes `raw` away from itself, and what is shut down is the connection, whoever holds it
        alarm = threading.Timer(max(0.0, end - time.monotonic()), _hang_up, (line,))
        alarm.daemon = True
        alarm.start()
        try:
            connection = HTTPConnection(self._target.host, self._target.port)
            connection.default_port = 443 if self._tls else 80  # what need not be said in the header Host
            connection.sock = self._tls.wrap_socket(raw, server_hostname=self._target.host) if self._tls else raw
            yield connection
        finally:
            alarm.cancel()
            line.close()
            raw.close()
            with suppress(OSError, UnboundLocalError):
                connection.close()

    def _dial(self, end: float) -> socket.socket:
        """A socket that is connected to the first of the addresses that answers."""
        refused: OSError | None = None
        for address in self._target.addresses(self._allow):
            try:
                left = max(0.1, end - time.monotonic())
                return socket.create_connection((address, self._target.port), timeout=left)
            except OSError as error:
                refused = error
        raise refused or OSError

    def _patience(self, after: str | None) -> timedelta | None:
        """What Retry-After asks for: a number of seconds or a date."""
        if after is None:
            return None
        if after.isascii() and after.isdecimal():
            return min(timedelta(seconds=int(after[:9])), LONGEST_WAIT)
        with suppress(ValueError, OverflowError):
            moment = parsedate_to_datetime(after)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return min(max(moment - self._clock(), timedelta(0)), LONGEST_WAIT)
        return None


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
