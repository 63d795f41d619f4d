"""Signed webhooks against real servers: what arrives, what each answer means, what is not followed or waited for."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from sqlmodel import Session

from kept import database
from orderfsm.errors import NotDelivered, Undeliverable
from orderfsm.outbox import Policy, dead, relay
from orderfsm.outbox.cloudevents import Envelope
from orderfsm.outbox.signature import verify
from orderfsm.outbox.webhook import Webhook
from test_cloudevents import MESSAGE
from test_outbox import LIFE, emit, shop

SECRET = b"a secret that nobody may see"
LOCAL = ("http", "private")


class Server(ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?token=t0ken"


class Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        server.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, headers = server.answers.pop(0) if server.answers else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as made:
        yield made


def webhook(server: Server, **more: Any) -> Webhook:
    return Webhook(server.url, SECRET, **{"allow": LOCAL, **more})


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_what_arrives_is_a_signed_cloudevent(server: Server, mode: Any) -> None:
    webhook(server, mode=mode, envelope=Envelope(source="urn:shop"))(MESSAGE)
    ((path, headers, body),) = server.got
    assert path == "/hook?token=t0ken"
    assert verify(headers, body, SECRET) == headers["webhook-id"] == MESSAGE.id
    assert headers["host"] == f"127.0.0.1:{server.server_address[1]}"
    found: Any = from_http(HTTPMessage(headers, body), JSONFormat(), CloudEvent)
    assert (found.get_id(), found.get_source(), found.get_data()) == (MESSAGE.id, "urn:shop", MESSAGE.as_dict())


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundreds_are_deliveries(server: Server, status: int) -> None:
    server.answers = [(status, {})]
    webhook(server)(MESSAGE)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 413, 500, 502])
def test_anything_else_is_tried_again_and_redirects_are_not_followed(server: Server, status: int) -> None:
    server.answers = [(status, {"location": server.url, "retry-after": "7"})]
    with pytest.raises(NotDelivered, match=rf"^http://127\.0\.0\.1:\d+ answered {status}$") as caught:
        webhook(server)(MESSAGE)
    assert not isinstance(caught.value, Undeliverable)
    assert caught.value.after is None
    assert len(server.got) == 1


def test_gone_is_never(server: Server) -> None:
    server.answers = [(410, {})]
    with pytest.raises(Undeliverable, match="answered 410"):
        webhook(server)(MESSAGE)


@pytest.mark.parametrize(
    ("status", "asked", "after"),
    [
        (429, "7", timedelta(seconds=7)),
        (503, "7", timedelta(seconds=7)),
        (503, "Sun, 01 Mar 2026 00:01:00 GMT", timedelta(minutes=1)),
        (503, "Sat, 28 Feb 2026 00:01:00 GMT", timedelta(0)),
        (503, "9" * 400, timedelta(days=1)),
        (503, "Fri, 01 Mar 2999 00:01:00 GMT", timedelta(days=1)),
        (503, "soon", None),
        (503, "Sun, 01 Mar 99999999999999999999 00:01:00 GMT", None),
        (503, "-1", None),
    ],
)
def test_a_receiver_that_is_busy_says_when(server: Server, status: int, asked: str, after: timedelta | None) -> None:
    server.answers = [(status, {"retry-after": asked})]
    with pytest.raises(NotDelivered) as caught:
        webhook(server, clock=lambda: datetime(2026, 3, 1, tzinfo=UTC))(MESSAGE)
    assert caught.value.after == after


def test_an_address_of_ours_is_not_connected_to(server: Server) -> None:
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1 is not a public address"):
        webhook(server, allow=("http",))(MESSAGE)
    assert server.got == []


def test_nobody_there_is_a_failed_attempt() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/s3cret-path"
    with pytest.raises(NotDelivered, match=r"no answer \(ConnectionRefusedError\)") as caught:
        Webhook(url, SECRET, allow=LOCAL)(MESSAGE)
    assert "s3cret" not in str(caught.value)


@contextmanager
def talking(reply: bytes, pause: float, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that says its reply byte by byte, with pauses, until somebody hangs up: whoever does not, never ends."""
    listening = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        plain, _ = listening.accept()
        with suppress(OSError), tls.wrap_socket(plain, server_side=True) if tls else plain as there:
            for byte in cycle(reply):
                there.sendall(bytes([byte]))
                time.sleep(pause)

    thread = threading.Thread(target=talk)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    thread.join()
    listening.close()


@pytest.mark.parametrize(("reply", "pause"), [(b"", 0), (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000, 0.02), (b"z", 0.02)])
def test_a_receiver_that_trickles_is_hung_up_on(reply: bytes, pause: float) -> None:
    with talking(reply, pause) as url, pytest.raises(NotDelivered, match="no answer"):
        Webhook(url, SECRET, allow=LOCAL, timeout=timedelta(seconds=0.5))(MESSAGE)


def test_a_receiver_that_says_nothing_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(NotDelivered, match=r"no answer within 0\.3 s"):
            Webhook(url, SECRET, allow=LOCAL, timeout=timedelta(seconds=0.3))(MESSAGE)


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server called localhost, and for those who trust it."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    try:
        subprocess.run([*command, *names], cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed: no certificate for the test's server")
    there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=tmp_path / "cert.pem")
    there.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return there, here


def test_a_receiver_that_trickles_over_tls_is_hung_up_on(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    there, here = contexts
    with talking(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 400, 0.02, there) as url:
        secure = url.replace("http://127.0.0.1", "https://localhost")
        with pytest.raises(NotDelivered, match=r"no answer within 0\.5 s"):
            Webhook(secure, SECRET, allow=["private"], tls=here, timeout=timedelta(seconds=0.5))(MESSAGE)


def test_a_receiver_that_never_shakes_hands_is_hung_up_on(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://localhost:{silent.getsockname()[1]}/"
        with pytest.raises(NotDelivered, match=r"no answer within 0\.3 s"):
            Webhook(url, SECRET, allow=["private"], tls=contexts[1], timeout=timedelta(seconds=0.3))(MESSAGE)


def test_https_verifies_the_name_and_the_certificate(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    there, here = contexts
    made = Server()
    made.socket = there.wrap_socket(made.socket, server_side=True)
    made.handle_error = lambda *_: None  # type: ignore[method-assign] - it would print the failed handshakes
    with serving(made) as server:
        port = server.server_address[1]
        Webhook(f"https://localhost:{port}/", SECRET, allow=["private"], tls=here)(MESSAGE)
        assert len(server.got) == 1
        with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
            Webhook(f"https://localhost:{port}/", SECRET, allow=["private"])(MESSAGE)
        with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
            Webhook(f"https://127.0.0.1:{port}/", SECRET, allow=["private"], tls=here)(MESSAGE)
        assert len(server.got) == 1


def test_a_relay_delivers_webhooks_and_no_secret_stays_anywhere(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    orders = shop()
    server.answers = [(204, {}), (500, {})]
    with database("sqlite", "", tmp_path) as engine:
        emit(engine, orders, *LIFE, count=2)
        there = webhook(server)
        report = relay(engine, orders, there, policy=Policy(attempts=1))
        assert (report.delivered, report.dead) == (4, 1)
        ids = [headers["webhook-id"] for _, headers, _ in server.got]
        assert ids == ["1:2:1", "1:2:2", "2:2:1", "2:2:2", "2:4:1"]
        with Session(engine) as session:
            told = repr(dead(session, orders)) + json.dumps([each.as_dict() for each in dead(session, orders)])
    out = capfd.readouterr()
    everything = told + repr(there) + str(report) + caplog.text + out.out + out.err
    assert "answered 500" in everything
    assert SECRET.decode() not in everything
    assert "t0ken" not in everything
