"""The ground of all routers: hostile requests are 4xx, nothing of them comes back, and the host app is left alone."""

# No `from __future__ import annotations`: FastAPI reads the annotations of endpoints.

import json
import math
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Header, Request
from fastapi.exceptions import HTTPException, RequestValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, field_validator
from sqlalchemy.exc import OperationalError, TimeoutError
from sqlmodel import Session, SQLModel
from starlette.responses import PlainTextResponse

from kept import UUIDS, database
from kept_http import client
from orderfsm import Chart, errors
from orderfsm.chart import Guard, Kind, ReasonRule, Reasons, State, Transition
from orderfsm.errors import Blocker, GuardRefused, OrderFsmError, Refused
from orderfsm.expression import parse as expression
from orderfsm.http import Principal, Rejected, generic
from orderfsm.http.failure import STATUS, failure_of
from orderfsm.http.route import PROBLEM, Route, problem
from orderfsm.http.strict import DEPTH, LARGEST, parse
from orderfsm.http.wording import worded
from orderfsm.lifecycle import Lifecycle

CANARY = "c4n4ry"

LAMP = Chart(
    "test/lamp",
    (State("off"), State("on"), State("broken", Kind.FINAL)),
    (
        Transition("off", ("switch_on",), ("on",), reason=ReasonRule("optional", ("dark",))),
        Transition("on", ("switch_off",), ("off",)),
        Transition("on", ("dim",), (), (Guard(expression=expression("payload.level in order.note")),)),
        Transition("on", ("drop",), ("broken",), (Guard(expression=expression("payload.height > 3")),)),
    ),
    initial=("off",),
    reasons=Reasons({"dark": ""}, open=False),
)


class Stolen(Exception):
    """An error of the host's own."""


class Wanted(BaseModel):
    """What a route of ours asks for."""

    model_config = ConfigDict(strict=True, extra="forbid")

    number: int = 0
    flag: bool = False
    named: dict[str, int] = {}
    odd: str = ""

    @field_validator("odd")
    @classmethod
    def _never(cls, value: str) -> str:
        raise ValueError(f"{value} is {CANARY}")


def known(token: Annotated[str | None, Header(alias="X-Token")] = None) -> Principal | None:
    if token == "stolen":
        raise Stolen(token)
    if token == "banned":
        raise HTTPException(418, "go away", {"X-Why": "banned"})
    return Principal("ann") if token == "ann" else None


def ours() -> APIRouter:
    """Routes on the bare foundation."""
    router = APIRouter(route_class=Route)

    @router.post("/wanted")
    def wanted(sent: Annotated[Wanted, Body()]) -> Wanted:
        return sent

    @router.post("/any")
    async def any_(request: Request) -> Any:
        return {"type": type(await request.json()).__name__}

    @router.get("/fail/{name}")
    def fail(name: str) -> None:
        raise FAILURES[name]

    return router


FAILURES: dict[str, Exception] = {
    "busy": OperationalError("SELECT secret", {}, Exception("password=hunter2")),
    "pool": TimeoutError("QueuePool limit of size 5"),
    "bug": ZeroDivisionError("a bug"),
    "rejected": Rejected(410, "gone", "it is gone", headers={"X-Why": "age"}),
    "database": errors.RefusedByDatabase("CHECK constraint failed: secret_table"),
    "guard": errors.GuardFailed("order.secret is None"),
    "doubt": errors.InDoubt("COMMIT of secret", key="k"),
}


def host(engine: Any) -> FastAPI:
    """An app with routes and handlers of its own, which includes ours."""
    app = FastAPI()
    SQLModel.metadata.create_all(engine, tables=[generic.Opened.__table__])
    orders = generic.router(
        Lifecycle(LAMP, UUIDS.store),
        sessions=partial(Session, engine),
        principal=known,
        visible=lambda who: UUIDS.order.note == who.id,
        opening=lambda session, who, payload: UUIDS.order(note=who.id),
    )
    app.include_router(orders)
    app.include_router(ours())
    for kind in (HTTPException, RequestValidationError, Stolen, ZeroDivisionError):
        app.add_exception_handler(kind, partial(_hosts, kind.__name__))

    @app.get("/hosts/{number}")
    def hosts(number: int) -> int:
        return number

    @app.get("/own", dependencies=[Depends(known)])
    def own() -> None:
        raise HTTPException(404)

    return app


async def _hosts(name: str, request: Request, error: Exception) -> PlainTextResponse:
    return PlainTextResponse(f"the host: {name}", 499)


@pytest.fixture(scope="module")
def api(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with database("sqlite", postgres_url, tmp_path_factory.mktemp("strict")) as engine, client(host(engine)) as made:
        made.headers["X-Token"] = "ann"
        yield made


@pytest.fixture(scope="module")
def lamp(api: httpx.Client) -> str:
    return api.post("/orders", json={}).headers["location"]


def refused(answer: httpx.Response) -> None:
    """A problem of the client's, which repeats nothing."""
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == answer.status_code
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)


# --- hostile bodies

DEEP = b"[" * 100_000
EVENT = b'{"event": "switch_on", "payload": '
HOSTILE = {
    "no JSON": b"c4n4ry",
    "empty": b"",
    "half": EVENT,
    "bad UTF-8": EVENT + b'"c4n4ry\xff"}',
    "UTF-16": json.dumps({"event": "c4n4ry"}).encode("utf-16"),
    "UTF-32": json.dumps({"event": "c4n4ry"}).encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"event": "switch_on"}',
    "NaN": EVENT + b'{"a": NaN}}',
    "Infinity": EVENT + b'{"a": -Infinity}}',
    "float overflow": EVENT + b'{"a": 1e999}}',
    "2^63": EVENT + b'{"a": 9223372036854775808}}',
    "-2^63-1": EVENT + b'{"a": -9223372036854775809}}',
    "5,000 digits": EVENT + b'{"a": ' + b"9" * 5_000 + b"}}",
    "NUL": EVENT + b'{"a": "c4n4ry\\u0000"}}',
    "NUL in a name": EVENT + b'{"c4n4ry\\u0000": 1}}',
    "half a surrogate": EVENT + b'{"a": "c4n4ry\\ud800"}}',
    "halves the wrong way": EVENT + b'{"a": "\\udc00\\ud800"}}',
    "name twice": b'{"event": "switch_on", "event": "c4n4ry"}',
    "name twice, spelled differently": b'{"event": "switch_on", "\\u0065vent": "c4n4ry"}',
    "nested lists": EVENT + DEEP,
    "nested objects": b'{"a":' * 100_000,
    "nested and closed": EVENT + b'{"a": ' + b"[" * DEPTH + b"]" * DEPTH + b"}}",
    "a list": b'["c4n4ry"]',
    "a text": b'"c4n4ry"',
    "null": b"null",
    "no such field": b'{"event": "switch_on", "c4n4ry": 1}',
    "state assigned": b'{"event": "switch_on", "configuration": "on"}',
    "event a number": b'{"event": 1}',
    "event true": b'{"event": true}',
    "event null": b'{"event": null}',
    "event a list": b'{"event": ["switch_on"]}',
    "event empty": b'{"event": ""}',
    "event long": b'{"event": "' + b"c4n4ry" * 100 + b'"}',
    "no such event": b'{"event": "c4n4ry"}',
    "payload a list": b'{"event": "switch_on", "payload": ["c4n4ry"]}',
    "payload a text": b'{"event": "switch_on", "payload": "c4n4ry"}',
    "reason a text": b'{"event": "switch_on", "reason": "c4n4ry"}',
    "reason empty": b'{"event": "switch_on", "reason": {}}',
    "reason unknown": b'{"event": "switch_on", "reason": {"code": "c4n4ry"}}',
    "reason long": b'{"event": "switch_on", "reason": {"text": "' + b"c4n4ry" * 1_000 + b'"}}',
    "role unknown": b'{"event": "switch_on", "as": "c4n4ry"}',
    "role a number": b'{"event": "switch_on", "as": 1}',
    "10,000 links": json.dumps({"event": "switch_on", "links": [{"rel": "a", "href": "/c4n4ry"}] * 5_000}).encode(),
    "time a number": b'{"event": "switch_on", "occurred_at": 1}',
    "time without a zone": b'{"event": "switch_on", "occurred_at": "2026-01-01T00:00:00"}',
    "no time": b'{"event": "switch_on", "occurred_at": "c4n4ry"}',
    "time before time": b'{"event": "switch_on", "occurred_at": "0001-01-01T00:00:00+14:00"}',
    "time after time": b'{"event": "switch_on", "occurred_at": "9999-12-31T23:59:59-14:00"}',
    "day that is none": b'{"event": "switch_on", "occurred_at": "2026-02-30T00:00:00Z"}',
    "leap second": b'{"event": "switch_on", "occurred_at": "2016-12-31T23:59:60Z"}',
    "Arabic digits": '{"event": "switch_on", "occurred_at": "٢٠٢٦-01-01T00:00:00Z"}'.encode(),
}
LINKS = (
    *("javascript:c4n4ry", "data:text/html,c4n4ry", "file:///c4n4ry", "//c4n4ry", "http://c4n4ry@example.com/", ""),
    *("http://exa\tmple.com/c4n4ry", "https://example.com/\r\nc4n4ry", "\\\\c4n4ry", "c4n4ry", "https:///c4n4ry"),
    *("ftp://c4n4ry/", "https://[c4n4ry/", "https://example.com:c4n4ry/", "/" + "c4n4ry" * 1_000, "\u202e/c4n4ry"),
)
HOSTILE |= {
    f"link {href[:20]!r}": json.dumps({"event": "switch_on", "links": [{"rel": "a", "href": href}]}).encode()
    for href in LINKS
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_and_changes_nothing(api: httpx.Client, lamp: str, name: str) -> None:
    before = api.get(lamp).json()
    for target in (f"{lamp}/events", "/orders"):
        if target == "/orders" and name == "empty":
            continue
        headers = {"Content-Type": "application/json"}
        refused(api.post(target, content=HOSTILE[name], headers=headers))
        refused(api.post(target, content=HOSTILE[name], headers=headers | {"Idempotency-Key": "k"}))
    assert api.get(lamp).json() == before


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "c4n4ry"])
def test_a_body_of_another_kind_is_refused(api: httpx.Client, lamp: str, kind: str) -> None:
    refused(api.post(f"{lamp}/events", content=b'{"event": "switch_on"}', headers={"Content-Type": kind}))


@pytest.mark.parametrize("size", [262_145, 2_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_not_read(api: httpx.Client, lamp: str, size: int, chunked: bool) -> None:
    body = b'{"event": "switch_on", "payload": {"a": "' + b"x" * size + b'"}}'
    pieces = (body[start : start + 65_536] for start in range(0, len(body), 65_536))
    headers = {"Content-Type": "application/json"}
    answer = api.post(f"{lamp}/events", content=pieces if chunked else body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


def test_a_body_that_just_fits_is_read(api: httpx.Client) -> None:
    body = b'{"payload": {"a": "%s"}}'
    fits = body % (b"x" * (262_144 - len(body) + 2))
    assert api.post("/orders", content=fits, headers={"Content-Type": "application/json"}).status_code == 201


def test_a_guard_repeats_nothing_of_the_payload(api: httpx.Client) -> None:
    path = api.post("/orders", json={}).headers["location"]
    api.post(f"{path}/events", json={"event": "switch_on"})
    for event, payload in (("dim", {"level": CANARY}), ("drop", {"height": CANARY}), ("drop", {"height": 1.25})):
        answer = api.post(f"{path}/events", json={"event": event, "payload": payload})
        refused(answer)
        assert "1.25" not in answer.text
    assert answer.json()["blockers"][0]["detail"] == "`payload.height > 3` does not hold"


# --- hostile URLs and headers

URLS = (
    *("/orders/c4n4ry", "/orders/%00", "/orders/c4n4ry%00", "/orders/%ff%fe"),
    *(
        "{}?entries=c4n4ry",
        "{}?entries=-1",
        "{}?entries=99999999999999999999999",
        "{}?entries=%00",
        "{}?entries=1&entries=x",
    ),
    *("{}/history?limit=c4n4ry", "{}/history?after=c4n4ry", "{}/history?order=c4n4ry", "{}/history?limit=1_0_1"),
    *("{}/history/c4n4ry", "{}/history/0", "{}/history/-1", "{}/history/9223372036854775808", "{}/history/1e3"),
    *("{}/events/c4n4ry", "{}/events/%00", "{}/events/" + "c4n4ry" * 100, "{}/events?as=c4n4ry", "{}/events?as=%00"),
    "{}/history?c4n4ry=%00",
)


@pytest.mark.parametrize("url", URLS)
def test_a_hostile_url_is_refused(api: httpx.Client, lamp: str, url: str) -> None:
    refused(api.get(url.format(lamp)))


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match", "If-None-Match", "X-Token", "Accept"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"c4n4ry" * 5_000, b",", b'"' * 1_000, b"=?utf-8?q?c4n4ry?="])
def test_hostile_headers_are_never_our_fault(api: httpx.Client, lamp: str, name: str, value: bytes) -> None:
    for method, target, body in (("GET", lamp, None), ("POST", f"{lamp}/events", {"event": "c4n4ry"})):
        answer = api.request(method, target, json=body, headers={name: value})
        assert answer.status_code < 500
        assert CANARY not in answer.text


# --- anything at all

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["switch_on", "dim", "on"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
bodies = st.one_of(
    values,
    st.fixed_dictionaries(
        {"event": st.sampled_from(["switch_on", "switch_off", "dim", "drop", "open"]) | values},
        optional=dict.fromkeys(("payload", "reason", "links", "occurred_at", "as"), values),
    ),
)


@settings(max_examples=150)
@given(body=bodies.map(lambda body: json.dumps(body).encode("utf-8", "surrogatepass")) | st.binary())
def test_whatever_is_sent_the_server_is_never_at_fault(api: httpx.Client, lamp: str, body: bytes) -> None:
    for target in (f"{lamp}/events", f"{lamp}/explanations", "/orders", "/wanted", "/any"):
        answer = api.post(target, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, body


@settings(max_examples=150)
@given(st.text(st.characters(exclude_characters="/")))
def test_whatever_is_asked_for_the_server_is_never_at_fault(api: httpx.Client, lamp: str, text: str) -> None:
    from urllib.parse import quote

    word = quote(text.encode("utf-8", "surrogatepass"), safe="")
    for target in (
        f"/orders/{word}",
        f"{lamp}/events/{word}",
        f"{lamp}/history?after={word}",
        f"{lamp}/events?as={word}",
    ):
        assert api.get(target).status_code < 500


# --- JSON

jsons = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST - 1, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii", min_codepoint=1)), inner),
    max_leaves=30,
)


@given(jsons, st.booleans())
def test_json_within_the_limits_is_read_as_python_reads_it(value: Any, ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    assert parse(text.encode()) == value


@given(st.text(st.sampled_from('[]{}"\\:,a')), st.integers(0, 40))
def test_only_brackets_outside_of_texts_count(text: str, depth: int) -> None:
    body = "[" * depth + json.dumps(text * 40) + "]" * depth
    if depth <= DEPTH:
        assert json.dumps(parse(body.encode())) == body
    else:
        with pytest.raises(Rejected) as rejected:
            parse(body.encode())
        assert rejected.value.failure.code == "body-malformed"


@pytest.mark.parametrize("text", ["-0.0", "1e308", "5e-324", '"\\ud83d\\ude00"', '"\\u00e9"', "[[], {}]", " 1 "])
def test_what_is_unusual_and_legal_is_read(text: str) -> None:
    assert math.isclose(parse(text.encode()), json.loads(text)) if "e" in text and '"' not in text else True
    assert parse(text.encode()) == json.loads(text)


# --- an app around it


def test_our_routes_answer_their_own_failures_whatever_the_host_has_set_up(api: httpx.Client, lamp: str) -> None:
    invalid = api.post("/wanted", json={"number": CANARY, "flag": 1, CANARY: 2})
    refused(invalid)
    assert {flaw["place"] for flaw in invalid.json()["errors"]} == {"body.number", "body.flag", "body"}
    assert api.get("/orders/x", headers={"X-Token": "nobody"}).json()["code"] == "unauthenticated"
    banned = api.get(lamp, headers={"X-Token": "banned"})
    assert (banned.status_code, banned.json()["code"], banned.headers["x-why"]) == (418, "request-refused", "banned")


def test_the_hosts_routes_and_errors_stay_the_hosts(api: httpx.Client, lamp: str) -> None:
    assert api.get("/hosts/x").text == "the host: RequestValidationError"
    assert api.get("/own").text == "the host: HTTPException"
    assert api.get(lamp, headers={"X-Token": "stolen"}).text == "the host: Stolen"
    assert api.get("/fail/bug").text == "the host: ZeroDivisionError"


def test_a_name_that_only_the_client_knows_is_not_repeated(api: httpx.Client) -> None:
    answer = api.post("/wanted", json={"named": {f"<{CANARY}>": "x"}})
    assert answer.json()["errors"] == [{"place": "body.named.?", "detail": "Input should be a valid integer"}]
    odd = api.post("/wanted", json={"odd": "x"})
    assert odd.json()["errors"] == [{"place": "body.odd", "detail": "the value does not fit"}]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("busy", 503, "database-busy"),
        ("pool", 503, "database-busy"),
        ("rejected", 410, "gone"),
        ("database", 409, "refused-by-database"),
        ("guard", 500, "guard-failed"),
        ("doubt", 503, "in-doubt"),
    ],
)
def test_failures_tell_nothing_of_the_inside(
    api: httpx.Client, name: str, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = api.get(f"/fail/{name}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    for inside in ("secret", "hunter2", "SELECT", "COMMIT", "QueuePool", "Traceback"):
        assert inside not in answer.text
    assert ("retry-after" in answer.headers) is (status == 503)
    assert (code in caplog.text) is (status >= 500)


EVERY = [getattr(errors, name) for name in errors.__all__ if name != "Blocker"]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_plain_sentence(kind: type[OrderFsmError]) -> None:
    if issubclass(kind, Refused):
        blocker = Blocker("x", "no", {"event": CANARY, "reason": CANARY})
        error: OrderFsmError = kind("test/lamp", "off", CANARY, (blocker,))
    elif kind in (errors.NotReady, errors.UnsoundHistory):
        error = kind(())  # type: ignore[call-arg]
    else:
        error = kind("secret")
    failure = failure_of(error)
    assert failure is not None
    assert failure.status == next(status for each, status in STATUS.items() if issubclass(kind, each))
    answer = json.loads(bytes(problem(failure).body))
    assert CANARY not in str(answer)
    assert "secret" not in str(answer) or not issubclass(kind, tuple(CLIENTS))


CLIENTS = (errors.Conflict, errors.NotOpened, errors.StoredStateUnknown, errors.RefusedByDatabase, errors.InDoubt)


def test_operands_are_told_as_json_takes_them() -> None:
    operands = {"order.weight": math.inf, "order.tags": {1, 2}, "order.note": "x" * 10_000, "payload.x": CANARY}
    blocker = Blocker("guard-refused", CANARY, {"guard": "a > b", "failed": ["a > b"], "operands": operands})
    error = GuardRefused("test/lamp", "off", "go", (blocker,))
    failure = failure_of(error)
    assert failure is not None
    (told,) = json.loads(bytes(problem(failure).body))["blockers"]
    assert told["detail"] == worded(error) == "`a > b` does not hold"
    assert told["parameters"]["operands"].keys() == {"order.weight", "order.tags", "order.note"}
    assert len(str(told)) < 1_000
