"""The generic router: a service's own tables and sessions of both kinds, who may what, and requests sent again."""

# No `from __future__ import annotations`: FastAPI reads the annotations of dependencies.

import itertools
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Header, HTTPException
from sqlalchemy import Engine, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, Session, SQLModel

from kept import KINDS, PRESS, READY_MADE, UUIDS, Clock, Kept, database, lifecycle
from kept_http import client, lent, plain, serving
from orderfsm import Chart, load, step
from orderfsm.chart import Guard, Kind, State, Transition
from orderfsm.diagrams import Overlay, render
from orderfsm.expression import parse
from orderfsm.http import Principal, Route, generic
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, async_engine

WHO = {
    "ann": Principal("ann", frozenset({"customer"})),
    "bob": Principal("bob", frozenset({"customer"}), "Bob"),
    "press": Principal("press", frozenset({"printer"})),
    "both": Principal("both", frozenset({"customer", "printer"})),
    "guest": Principal("guest"),
}
OWNER = {READY_MADE.name: "reference"}


def known(token: Annotated[str | None, Header(alias="X-Token")] = None) -> Principal | None:
    """The service's own way to know who asks."""
    return WHO.get(token or "")


def owner(kind: Kept) -> Any:
    return getattr(kind.order, OWNER.get(kind.name, "note"))


def visible(kind: Kept) -> Callable[[Principal], Any]:
    """Customers see their own orders; whoever prints sees all."""
    return lambda who: owner(kind) == owner(kind) if "printer" in who.roles else owner(kind) == who.id


def opening(kind: Kept) -> Callable[..., Any]:
    def make(session: Session, who: Principal, payload: Any) -> Any:
        order = kind.new()
        setattr(order, OWNER.get(kind.name, "note"), payload.get("for", who.id))
        return order

    return make


@contextmanager
def served(
    engine: Engine, kind: Kept = UUIDS, orders: Lifecycle | None = None, *, asynchronous: bool = False, **options: Any
) -> Iterator[httpx.Client]:
    """A client of an app that has the router of a kind of tables, with sessions of either sort."""
    SQLModel.metadata.create_all(engine, tables=[generic.Opened.__table__])
    made = async_engine(engine.url.set(drivername=ASYNC[engine.dialect.name])) if asynchronous else None
    sessions: Any = partial(Session, engine) if made is None else partial(AsyncSession, made)
    given = {"sessions": sessions, "made": made, "clock": Clock()}
    if kind is UUIDS and orders is None and not options:
        which: Any = lent(usual, asynchronous, **given)
    else:
        which = nullcontext(app(SimpleNamespace(**given), kind, orders or lifecycle(kind), **options))
    with which as found, client(found) as connected:
        yield connected


def usual(now: Any, _: bool) -> FastAPI:
    return app(now, UUIDS, lifecycle(UUIDS, clock=lambda: now.clock()))


def app(now: Any, kind: Kept, orders: Lifecycle, **options: Any) -> FastAPI:
    """An app with what a test has now: `sessions`, and the asynchronous engine of theirs that was `made`, if any."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if now.made is not None:
            await now.made.dispose()

    found = FastAPI(lifespan=lifespan)
    given = {"principal": known, "visible": visible(kind), "opening": opening(kind)} | options
    found.include_router(generic.router(orders, sessions=lambda: now.sessions(), **given), prefix="/api")
    return found


ASYNC = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, postgres_url: str, tmp_path: Any) -> Iterator[Engine]:
    with database(request.param, postgres_url, tmp_path) as made:
        yield made


@pytest.fixture
def sqlite(postgres_url: str, tmp_path: Any) -> Iterator[Engine]:
    with database("sqlite", postgres_url, tmp_path) as made:
        yield made


@pytest.fixture
def api(sqlite: Engine) -> Iterator[httpx.Client]:
    with served(sqlite) as connected:
        yield connected


def as_(who: str, **headers: str) -> dict[str, str]:
    return {"X-Token": who} | {name.replace("_", "-"): value for name, value in headers.items()}


def opened(api: httpx.Client, who: str = "ann", **body: Any) -> str:
    """The path of a new order."""
    answer = api.post("/api/orders", json=body, headers=as_(who))
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def send(api: httpx.Client, path: str, who: str, event: str, headers: dict[str, str] = {}, **body: Any) -> Any:  # noqa: B006
    return api.post(f"{path}/events", json={"event": event, **body}, headers=as_(who) | headers)


def printing(api: httpx.Client) -> str:
    path = opened(api)
    for event in ("accept", "print"):
        assert send(api, path, "press", event).status_code == 201
    return path


# --- everything, on all kinds of tables, sessions and databases


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_order_lives_its_life_over_http(engine: Engine, kind: Kept, asynchronous: bool) -> None:
    with served(engine, kind, asynchronous=asynchronous) as api:
        answer = api.post("/api/orders", json={}, headers=as_("ann", Idempotency_Key='"first"'))
        path = answer.headers["location"]
        assert (answer.status_code, answer.json()["code"], answer.headers["etag"]) == (201, "received", '"1"')
        again = api.post("/api/orders", json={}, headers=as_("ann", Idempotency_Key='"first"'))
        assert (again.content, again.headers["location"]) == (answer.content, path)

        accepted = send(api, path, "press", "accept", headers={"If-Match": '"1"', "Idempotency-Key": "a"})
        assert accepted.json()["configuration"] == accepted.json()["entry"]["after"] == "accepted"
        repeated = send(api, path, "press", "accept", headers={"If-Match": '"1"', "Idempotency-Key": "a"})
        assert (repeated.content, repeated.headers["Idempotent-Replayed"]) == (accepted.content, "true")
        assert "Idempotent-Replayed" not in accepted.headers

        link = {"rel": "tracking", "href": "https://example.com/1", "title": "Ü"}
        assert send(api, path, "press", "print").status_code == 201
        refused = send(api, path, "press", "ship", payload={"weight": 0}, links=[link])
        assert (refused.status_code, refused.json()["code"]) == (422, "guard-refused")
        shipped = send(api, path, "press", "ship", payload={"weight": 2.5}, links=[link], reason={"text": "done"})
        assert shipped.json()["entry"]["links"] == [link]
        assert api.get(shipped.headers["location"], headers=as_("ann")).json() == shipped.json()["entry"]

        status = api.get(path, headers=as_("ann"))
        assert status.json() | {"history": None} == {
            "configuration": "shipped",
            "code": "shipped",
            "category": "done",
            "revision": 4,
            "chart": "test/press",
            "chart_version": "7",
            "history": None,
        }
        assert [entry["event"] for entry in status.json()["history"]] == ["open", "accept", "print", "ship"]
        events = api.get(f"{path}/events", headers=as_("press")).json()
        assert events["allowed"] == []
        assert {blocker["code"] for each in events["refused"] for blocker in each["blockers"]} == {"terminal"}
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(kind.order)) == 1


def test_a_key_that_no_order_can_have_is_as_absent_as_one_that_none_has(sqlite: Engine) -> None:
    unspelled = {
        "ready-made": ["0x1", "1_0", "+1", "01", " 1", "1.0", "9223372036854775808", "1e3", "-0", "x", "٣"],
        "uuid": ["1", "urn:uuid:0189c53e-7a9f-7000-8000-000000000000", "0189C53E-7A9F-7000-8000-000000000000"],
        "text": ["P-99999", "%00", "\u202e", "a" * 256, "'; DROP TABLE test_parcel; --"],
        "composite": ["north/x", "north/1_0", "south/1"],
    }
    for kind in KINDS:
        with served(sqlite, kind) as api:
            path = opened(api)
            assert api.get(path, headers=as_("ann")).status_code == 200
            for key in unspelled[kind.name]:
                answer = api.get(f"/api/orders/{key}", headers=as_("ann"))
                assert answer.status_code == (400 if "%00" in key else 404), key
                assert answer.json()["code"] in ("absent", "request-malformed")


def test_a_text_with_any_characters_but_a_slash_is_a_key(sqlite: Engine) -> None:
    parcels = next(kind for kind in KINDS if kind.name == "text")

    def make(session: Session, who: Principal, payload: Any) -> Any:
        return parcels.order(number=payload["number"], note=who.id)

    with served(sqlite, parcels, opening=make) as api:
        for number in ("ü?#%25", "a b", "..;", "100%", "日本", "\r\nSet-Cookie: a=b", '"><script>'):
            path = opened(api, payload={"number": number})
            assert api.get(path, headers=as_("ann")).json()["revision"] == 1
            history = api.get(f"{path}/history", headers=as_("ann"))
            assert history.links["first"]["url"].startswith(f"{path}/history?")
            sent = send(api, path, "ann", "withdraw")
            assert sent.headers["location"] == f"{path}/history/2"


# --- who may what

PLACES = (
    ("GET", ""),
    ("HEAD", ""),
    ("GET", "/history"),
    ("GET", "/history?order=desc&limit=1"),
    ("GET", "/history/1"),
    ("GET", "/history/99"),
    ("GET", "/history.csv"),
    ("GET", "/events"),
    ("GET", "/events/accept"),
    ("GET", "/events/nonsense"),
    ("GET", "/diagram"),
    ("POST", "/explanations"),
    ("POST", "/events"),
)


def test_every_endpoint_is_for_those_who_see_the_order_and_absent_for_all_others(sqlite: Engine) -> None:
    with served(sqlite) as api:
        mine = opened(api, "ann")
        absent = f"/api/orders/{uuid.uuid4()}"
        for (method, place), (token, who) in itertools.product(PLACES, [*WHO.items(), ("", None), ("stolen", None)]):
            answers = {}
            for order in (mine, absent):
                body = {"event": "reject"} if method == "POST" else None
                roles = "?as=customer" if token == "both" and place.startswith("/events") and method == "GET" else ""
                if token == "both" and method == "POST":
                    body = {"event": "reject", "as": "printer"}
                answers[order] = api.request(method, order + place + roles, json=body, headers=as_(token))
            told = {order: (answer.status_code, answer.content) for order, answer in answers.items()}
            if who is None:
                assert {status for status, _ in told.values()} == {401}
            elif token in ("bob", "guest"):
                assert told[mine] == told[absent]
                assert answers[mine].headers.multi_items()[1:] == answers[absent].headers.multi_items()[1:]
                assert told[mine][0] == 404
            elif mine in told:
                missing = place in ("/history/99", "/events/nonsense")
                decided = {201, 409} if place == "/events" and method == "POST" else {404} if missing else {200}
                assert told[mine][0] in decided
                assert told[absent][0] == 404
        with Session(sqlite) as session:
            assert session.scalars(select(UUIDS.history.actor_id).where(UUIDS.history.sequence == 2)).all() == ["ann"]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_role_is_one_that_the_principal_has(sqlite: Engine, asynchronous: bool) -> None:
    with served(sqlite, asynchronous=asynchronous) as api:
        path = opened(api, "ann", payload={"for": "both"})
        several = send(api, path, "both", "accept")
        assert (several.status_code, several.json()["code"]) == (403, "role-needed")
        assert api.get(f"{path}/events", headers=as_("both")).status_code == 403
        assert api.post("/api/orders", json={}, headers=as_("both")).status_code == 403
        foreign = send(api, path, "press", "accept", **{"as": "customer"})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "role-refused")
        assert send(api, path, "both", "accept", **{"as": "customer"}).json()["code"] == "not-permitted"
        accepted = send(api, path, "both", "accept", **{"as": "printer"})
        assert accepted.json()["entry"]["actor"] == {"role": "printer", "id": "both", "label": ""}
        assert api.get(f"{path}/events?as=printer", headers=as_("both")).json()["role"] == "printer"


def test_a_principal_without_roles_acts_as_nobody(api: httpx.Client) -> None:
    path = opened(api, "guest")
    assert send(api, path, "guest", "accept").json()["code"] == "not-permitted"
    assert send(api, path, "guest", "withdraw").json()["entry"]["actor"] == {"role": "", "id": "guest", "label": ""}


def test_what_the_service_hides_of_an_entry_is_hidden_everywhere(sqlite: Engine) -> None:
    def shown(who: Principal, entry: Any) -> Any:
        return entry if "printer" in who.roles else {**entry, "payload": None}

    with served(sqlite, shown=shown) as api:
        sent = api.post("/api/orders", json={"payload": {"secret": "s3"}}, headers=as_("ann"))
        path = sent.headers["location"]
        for place in ("", "/history", "/history/1", "/history.csv"):
            assert "s3" not in api.get(path + place, headers=as_("ann")).text
            assert "s3" in api.get(path + place, headers=as_("press")).text
        assert "s3" not in sent.text


# --- sent again


RICH = {
    "payload": {"ü": [1e100, -0.0, 0.1, 1e2, 2**63 - 1, None, True, {"b": 1, "a": ""}], "<b>": "\U0001f600\u2028"},
    "links": [
        {"rel": "x", "href": "/x"},
        {"rel": "y", "href": "https://example.com/?a=b#c", "type": "a/b", "title": "é"},
    ],
    "reason": {"code": "r", "text": "=1\r\n\u202e"},
    "occurred_at": "2025-12-31T23:59:59.123456789+05:30",
}


def test_an_answer_is_the_same_to_the_byte_when_it_comes_from_the_tables(engine: Engine) -> None:
    with served(engine) as api:
        for target in ("/api/orders", ""):
            key = {"Idempotency-Key": "k"}
            path = target or f"{opened(api)}/events"
            body = RICH if target else {"event": "withdraw", **RICH}
            first, again = (api.post(path, json=body, headers=as_("ann") | key) for _ in range(2))
            assert (first.status_code, "Idempotent-Replayed" in again.headers) == (201, True), first.text
            assert first.content == again.content
            assert first.json()["entry"]["occurred_at"] == "2025-12-31T18:29:59.123456Z"
            assert api.get(f"{first.headers['location']}", headers=as_("ann")).status_code == 200


def test_a_key_belongs_to_one_principal_one_order_and_one_operation(api: httpx.Client) -> None:
    key = {"Idempotency-Key": "k"}
    first, second = opened(api), opened(api)
    api.post("/api/orders", json={}, headers=as_("ann") | key)
    for path in (first, second):
        assert send(api, path, "press", "accept", headers=key).status_code == 201
        noted = send(api, path, "ann", "note", headers=key)
        assert (noted.status_code, noted.json()["entry"]["event"]) == (201, "note")
        assert "Idempotent-Replayed" not in noted.headers
        assert b'"key"' not in api.get(path, headers=as_("ann")).content


def test_a_key_says_which_chart_it_is_for_where_several_share_a_table(sqlite: Engine) -> None:
    key = {"Idempotency-Key": "k"}
    with served(sqlite) as one, served(sqlite, orders=Lifecycle(WEIGHED, UUIDS.store)) as other:
        first, second = (api.post("/api/orders", json={}, headers=as_("ann") | key) for api in (one, other))
        assert (first.json()["code"], second.json()["code"]) == ("received", "a")


@pytest.mark.parametrize("quoted", ['"a b"', '"\\"\\\\"', "bare-1", '"' + "x" * 255 + '"'])
def test_a_key_is_a_string_of_structured_fields_or_bare(api: httpx.Client, quoted: str) -> None:
    path = opened(api)
    headers = {"Idempotency-Key": quoted}
    assert send(api, path, "press", "accept", headers=headers).status_code == 201
    assert send(api, path, "press", "accept", headers=headers).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    "malformed", ["", '""', '"', '"a" "b"', "a b", '"' + "x" * 256 + '"', "x" * 10_000, "\\", '"é"']
)
def test_a_key_that_is_none_is_refused(api: httpx.Client, malformed: str) -> None:
    path = opened(api)
    for target, body in ((f"{path}/events", {"event": "withdraw"}), ("/api/orders", {})):
        headers = {"X-Token": b"ann", "Idempotency-Key": malformed.encode()}
        answer = api.post(target, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-malformed")
    assert api.get(path, headers=as_("ann")).json()["revision"] == 1


def test_two_keys_are_one_too_many(api: httpx.Client) -> None:
    headers = [("X-Token", "ann"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert api.post("/api/orders", json={}, headers=headers).status_code == 400


def test_a_key_with_another_request_is_refused_and_says_nothing_of_the_first(api: httpx.Client) -> None:
    path, key = opened(api), {"Idempotency-Key": "k"}
    assert send(api, path, "press", "accept", headers=key).status_code == 201
    assert send(api, path, "ann", "note", key, occurred_at="2026-01-01T00:00:00Z").status_code == 201
    assert send(api, path, "ann", "note", key, occurred_at="2026-01-01T01:00:00+01:00").status_code == 201
    for claimed in ({}, {"occurred_at": "2026-01-01T00:00:01Z"}):
        assert send(api, path, "ann", "note", key, **claimed).json()["code"] == "key-reused"
    for body in (
        {"event": "accept", "occurred_at": "2026-01-01T00:00:00Z"},
        {"event": "note"},
        {"event": "accept", "payload": {}},
        {"event": "accept", "reason": {"text": "x"}},
    ):
        other = send(api, path, "press", headers=key, **body)
        assert (other.status_code, other.json()["code"]) == (422, "key-reused")
    assert api.post("/api/orders", json={}, headers=as_("ann") | key).status_code == 201
    other = api.post("/api/orders", json={"payload": {"x": 1}}, headers=as_("ann") | key)
    assert (other.status_code, other.json()["code"]) == (422, "key-reused")


def test_a_replay_is_authorised_anew(sqlite: Engine) -> None:
    with served(sqlite) as api:
        key = {"Idempotency-Key": "k"}
        made = api.post("/api/orders", json={}, headers=as_("ann") | key)
        path = made.headers["location"]
        assert send(api, path, "ann", "withdraw", headers=key).status_code == 201
        with Session(sqlite) as session:
            session.scalars(select(UUIDS.order)).one().note = "bob"
            session.commit()
        assert send(api, path, "ann", "withdraw", headers=key).status_code == 404
        assert api.post("/api/orders", json={}, headers=as_("ann") | key).status_code == 404


def test_a_refused_request_may_be_sent_again_with_its_key(api: httpx.Client) -> None:
    path, key = opened(api), {"Idempotency-Key": "k"}
    assert send(api, path, "press", "print", headers=key).status_code == 409
    assert send(api, path, "press", "accept").status_code == 201
    assert send(api, path, "press", "print", headers=key).status_code == 201


def test_while_a_request_runs_the_same_is_told_to_wait(sqlite: Engine) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(session: Session, order: Any) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(60)
        return {}

    chart = Chart(
        "test/slow",
        (State("a"), State("b", Kind.FINAL)),
        (Transition("a", ("go",), ("b",), (Guard("slow"),)),),
        initial=("a",),
        guards={"slow": "asks the facts"},
    )
    orders = Lifecycle(chart, UUIDS.store, guards={"slow": lambda facts: "slow" not in facts}, facts=slow)
    with served(sqlite, orders=orders) as api, ThreadPoolExecutor() as pool:
        path, key = opened(api), {"Idempotency-Key": "k"}
        first = pool.submit(send, api, path, "ann", "go", key)
        assert begun.wait(60)
        second = send(api, path, "ann", "go", key)
        assert (second.status_code, second.json()["code"]) == (409, "request-running")
        assert second.headers["retry-after"] == "1"
        go_on.set()
        assert first.result().status_code == 201
        assert send(api, path, "ann", "go", key).content == first.result().content


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_of_many_who_send_the_same_at_once_one_writes(engine: Engine, asynchronous: bool) -> None:
    """Through two servers, which do not know of each other."""
    with (
        served(engine, asynchronous=asynchronous) as one,
        served(engine, asynchronous=asynchronous) as other,
        ThreadPoolExecutor(50) as pool,
    ):
        path, key = opened(one), {"Idempotency-Key": "k"}
        for target, body in ((f"{path}/events", {"event": "withdraw"}), ("/api/orders", {})):
            asked = [
                pool.submit(api.post, target, json=body, headers=as_("ann") | key, timeout=60)
                for api in (one, other) * 25
            ]
            answers = [each.result() for each in asked]
            assert {answer.status_code for answer in answers} <= {201, 409}
            done = [answer for answer in answers if answer.status_code == 201]
            assert len({answer.content for answer in done}) == 1
            assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(UUIDS.order)) == 2
        assert session.scalar(select(func.max(UUIDS.history.sequence))) == 2


def test_of_two_who_have_seen_the_same_revision_one_wins(engine: Engine) -> None:
    with served(engine) as api, ThreadPoolExecutor(8) as pool:
        path = opened(api)
        events = ["withdraw", "reject"] * 4
        answers = list(pool.map(lambda event: send(api, path, "ann", event, {"If-Match": '"1"'}), events))
        assert sorted(answer.status_code for answer in answers) == [201] + [412] * 7
        assert {answer.headers["etag"] for answer in answers} == {'"2"'}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_of_two_ends_of_an_order_one_happens(engine: Engine, asynchronous: bool) -> None:
    with served(engine, asynchronous=asynchronous) as api, ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            path = opened(api)
            answers = list(pool.map(lambda event, path=path: send(api, path, "ann", event), ["withdraw", "reject"] * 4))
            assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
            assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"not-enabled"}
            assert api.get(path, headers=as_("ann")).json()["revision"] == 2


# --- what the service requires


def test_headers_that_are_required_and_missing_are_named(sqlite: Engine) -> None:
    with served(sqlite, require=["idempotency-key", "if-match"]) as api:
        missing = api.post("/api/orders", json={}, headers=as_("ann"))
        assert (missing.status_code, missing.json()["code"]) == (400, "idempotency-key-missing")
        made = api.post("/api/orders", json={}, headers=as_("ann", Idempotency_Key="a"))
        path = made.headers["location"]
        assert send(api, path, "ann", "withdraw", {"If-Match": '"1"'}).status_code == 400
        blind = send(api, path, "ann", "withdraw", {"Idempotency-Key": "b"})
        assert (blind.status_code, blind.json()["code"]) == (428, "if-match-missing")
        both = {"Idempotency-Key": "b", "If-Match": made.headers["etag"]}
        assert send(api, path, "ann", "withdraw", both).status_code == 201


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ('"2"', 201),
        ("*", 201),
        ('"1", "2"', 201),
        ('"x","2" , W/"7"', 201),
        ('W/"2"', 412),
        ('"1"', 412),
        ('"3"', 412),
        ('"02"', 412),
        ('"99999999999999999999"', 412),
        ('""', 412),
        ("2", 400),
        ('"2', 400),
        ("", 400),
        ('"1" "2"', 400),
    ],
)
def test_if_match_compares_strongly(api: httpx.Client, given: str, status: int) -> None:
    path = opened(api)
    send(api, path, "press", "accept")
    answer = send(api, path, "press", "print", {"If-Match": given})
    assert answer.status_code == status
    if status == 412:
        assert (answer.json()["code"], answer.headers["etag"]) == ("revision-stale", '"2"')


def test_a_request_that_was_done_is_replayed_whatever_if_match_says(api: httpx.Client) -> None:
    path, headers = opened(api), {"If-Match": '"1"', "Idempotency-Key": "k"}
    first = send(api, path, "press", "accept", headers)
    send(api, path, "press", "print")
    assert send(api, path, "press", "accept", headers).content == first.content


def test_a_status_that_was_seen_is_not_sent_again(api: httpx.Client) -> None:
    path = opened(api)
    seen = api.get(path, headers=as_("ann")).headers["etag"]
    for tag in (seen, f"W/{seen}", f'"7", {seen}'):
        answer = api.get(path, headers=as_("ann", If_None_Match=tag))
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", seen)
    send(api, path, "ann", "withdraw")
    assert api.get(path, headers=as_("ann", If_None_Match=seen)).status_code == 200


# --- histories


def walked(api: httpx.Client, target: str) -> list[list[int]]:
    """The sequences of all pages, by following `next`; each page's links are the same in body and header."""
    found = []
    while target:
        answer = api.get(target, headers=as_("ann"))
        assert {link["rel"]: link["href"] for link in answer.json()["links"]} == {
            rel: link["url"] for rel, link in answer.links.items()
        }
        found.append([entry["sequence"] for entry in answer.json()["entries"]])
        target = answer.links.get("next", {}).get("url", "")
    return found


def test_a_history_is_read_page_by_page_in_both_directions(engine: Engine) -> None:
    with served(engine) as api:
        path = opened(api)
        send(api, path, "press", "accept")
        for _ in range(9):
            send(api, path, "ann", "note")
        history = f"{path}/history"
        for limit in (1, 3, 11, 12, 100):
            pages = walked(api, f"{history}?limit={limit}")
            assert [*itertools.chain(*pages)] == list(range(1, 12))
            assert all(len(page) == limit for page in pages[:-1])
            assert [*itertools.chain(*walked(api, f"{history}?limit={limit}&order=desc"))] == list(range(11, 0, -1))
        assert walked(api, f"{history}?limit=0") == [[]]
        assert walked(api, f"{history}?after=11") == [[]]
        assert walked(api, f"{history}?after=1&order=desc") == [[]]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("after", range(8))
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_page_before_ends_where_this_one_begins(
    long: tuple[httpx.Client, str], order: str, after: int, limit: int
) -> None:
    api, path = long
    page = api.get(f"{path}/history?limit={limit}&after={after}&order={order}", headers=as_("ann"))
    here = [entry["sequence"] for entry in page.json()["entries"]]
    step = 1 if order == "asc" else -1
    everything = list(range(1, 8))[::step]
    if "prev" in page.links:
        before = api.get(page.links["prev"]["url"], headers=as_("ann"))
        sequences = [entry["sequence"] for entry in before.json()["entries"]]
        assert sequences == everything[: everything.index(here[0])][-limit:]
    else:
        assert here == [] or here[0] == everything[0]


@pytest.fixture(scope="module")
def long(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, str]]:
    """An order with seven entries."""
    with database("sqlite", postgres_url, tmp_path_factory.mktemp("long")) as made, served(made) as api:
        path = opened(api)
        send(api, path, "press", "accept")
        for _ in range(5):
            send(api, path, "ann", "note")
        yield api, path


def test_pages_stay_what_they_are_while_entries_are_added(api: httpx.Client) -> None:
    path = opened(api)
    send(api, path, "press", "accept")
    page = f"{path}/history?order=desc&limit=1"
    first = api.get(page, headers=as_("ann"))
    send(api, path, "ann", "note")
    following = api.get(first.links["next"]["url"], headers=as_("ann")).json()["entries"]
    assert [entry["sequence"] for entry in following] == [1]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=-1", "limit=101", "limit=", "limit=1e2", "after=-1", "after=9223372036854775808"),
        *("order=up", "order=sequence;--", "limit=NaN", "after=" + "9" * 5_000),
    ],
)
def test_a_page_that_is_none_is_refused(long: tuple[httpx.Client, str], query: str) -> None:
    api, path = long
    answer = api.get(f"{path}/history?{query}", headers=as_("ann"))
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        (
            {"event": "accept", "copies": 3},
            "body",
            "holds a field that is not known; leave it out. It may have as, reason, links, payload, occurred_at, event",
        ),
        ({"event": "accept", "reason": "rush"}, "body.reason", "give an object; it may have code, text"),
        (
            {"event": "accept", "links": [{"rel": "x", "url": "/x"}]},
            "body.links.0",
            "holds a field that is not known; leave it out. It may have rel, href, type, title",
        ),
    ],
)
def test_what_a_body_may_have_is_told(api: httpx.Client, body: dict[str, Any], place: str, said: str) -> None:
    answer = api.post(f"{opened(api)}/events", json=body, headers=as_("press"))
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"place": place, "detail": said}])


FORMULAS = ("=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\uff1d1", "\n=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_of_an_export_is_a_formula(api: httpx.Client, text: str) -> None:
    import csv

    path = opened(api)
    send(api, path, "press", "accept")
    sent = send(
        api, path, "ann", "hold", reason={"text": text}, payload={"a": text}, links=[{"rel": "x", "href": "/x"}]
    )
    assert sent.status_code == 201
    answer = api.get(f"{path}/history.csv", headers=as_("ann"))
    assert answer.headers["content-disposition"] == 'attachment; filename="history.csv"'
    rows = list(csv.DictReader(answer.text.splitlines(keepends=True)))
    assert [row["event"] for row in rows] == ["open", "accept", "hold"]
    assert rows[-1]["reason_text"] == f"'{text}"
    assert rows[-1]["links"] == '[{"rel": "x", "href": "/x"}]'


# --- what may happen


def test_events_are_told_with_what_they_need_and_why_not_the_others(api: httpx.Client) -> None:
    path = printing(api)
    told = api.get(f"{path}/events", headers=as_("press")).json()
    needs = {each["event"]: [need["code"] for need in each["needs"]] for each in told["allowed"]}
    assert needs == {
        "note": [],
        "hold": ["reason-missing"],
        "lose": [],
        "burn": [],
        "ship": ["guard-open", "link-missing", "payload-missing"],
    }
    refused = {each["event"]: each for each in told["refused"]}
    assert refused.keys() | needs.keys() == {event for each in PRESS.transitions for event in each.events} - {"rush"}
    assert refused["resume"]["way"] == ["hold", "resume"]
    assert refused["accept"]["blockers"][0]["code"] == "not-enabled"
    assert told["revision"] == 3


def test_an_event_is_explained_as_it_is_in_the_list(api: httpx.Client) -> None:
    path = printing(api)
    told = api.get(f"{path}/events", headers=as_("press")).json()
    for each in told["refused"]:
        assert api.get(f"{path}/events/{each['event']}", headers=as_("press")).json() == each
    for each in told["allowed"]:
        explained = api.get(f"{path}/events/{each['event']}", headers=as_("press")).json()
        assert explained["allowed"] is (each["needs"] == [])
        assert explained["way"] == [each["event"]]


def test_an_event_is_explained_as_it_would_be_sent_and_not_sent(api: httpx.Client) -> None:
    path = printing(api)

    def verdict(**body: Any) -> dict[str, Any]:
        answer = api.post(f"{path}/explanations", json=body, headers=as_("press"))
        assert answer.status_code == 200, answer.text
        return answer.json()

    link = {"rel": "tracking", "href": "/t"}
    assert verdict(event="ship", payload={"weight": 1}, links=[link])["allowed"]
    for body, code in (
        ({"event": "ship", "payload": {"weight": 0}, "links": [link]}, "guard-refused"),
        ({"event": "ship", "payload": {"weight": "CANARY"}}, "payload-invalid"),
        ({"event": "ship", "payload": {"weight": 1}}, "link-missing"),
        ({"event": "hold"}, "reason-missing"),
        ({"event": "accept"}, "not-enabled"),
        ({"event": "CANARY"}, "unknown-event"),
    ):
        told = verdict(**body)
        assert (told["allowed"], told["blockers"][0]["code"]) == (False, code)
        assert "CANARY" not in str(told["blockers"])
    assert api.get(path, headers=as_("ann")).json()["revision"] == 3


def test_a_diagram_shows_where_the_order_is_and_runs_nothing(api: httpx.Client) -> None:
    path = opened(api)
    before = api.get(f"{path}/diagram", headers=as_("ann"))
    sent = send(api, path, "press", "accept", reason={"text": "<script>alert(1)</script>"}, payload={"a": "<b>"})
    after = api.get(f"{path}/diagram", headers=as_("ann"))
    assert sent.status_code == 201
    assert (before.headers["etag"], after.headers["etag"]) == ('"1"', '"2"')
    for answer in (before, after):
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert ElementTree.fromstring(answer.text).tag == "{http://www.w3.org/2000/svg}svg"
        assert "script" not in answer.text
    overlays = [
        Overlay("received", (("[*]", "received"),)),
        Overlay("accepted", (("[*]", "received"), ("received", "accepted"))),
    ]
    assert [before.text, after.text] == [render(PRESS, "svg", overlay=overlay) for overlay in overlays]


def test_an_order_that_was_not_opened_tells_how_to(sqlite: Engine) -> None:
    with served(sqlite) as api:
        with Session(sqlite) as session:
            session.add(order := UUIDS.order(note="ann"))
            session.commit()
            path = f"/api/orders/{order.id}"
        status = api.get(path, headers=as_("ann")).json()
        assert (status["code"], status["revision"], status["history"]) == (None, 0, [])
        told = api.get(f"{path}/events", headers=as_("ann")).json()
        assert [each["event"] for each in told["allowed"]] == ["open"]
        assert api.get(f"{path}/diagram", headers=as_("ann")).status_code == 200
        refused = send(api, path, "ann", "withdraw")
        assert (refused.status_code, refused.json()["code"]) == (409, "not-opened")
        assert "Booking" not in refused.text


def test_a_state_that_the_chart_lacks_is_the_operators(sqlite: Engine) -> None:
    with served(sqlite) as api:
        path = opened(api)
        with sqlite.begin() as connection:
            connection.execute(UUIDS.order.__table__.update().values(configuration="elsewhere"))
        asked = (api.get(f"{path}/{place}", headers=as_("ann")) for place in ("events", "diagram"))
        for answer in (send(api, path, "ann", "withdraw"), *asked):
            assert (answer.status_code, answer.json()["code"]) == (409, "stored-state-unknown")
            assert "elsewhere" not in answer.text
        assert api.get(path, headers=as_("ann")).json()["configuration"] == "elsewhere"


# --- guards that read


WEIGHED = Chart(
    "test/weighed",
    (State("a"), State("b", Kind.FINAL)),
    (
        Transition("a", ("weigh",), ("b",), (Guard(expression=parse("payload.weight > order.stamps")),)),
        Transition("a", ("count",), ("b",), (Guard(expression=parse("order.stamps < 0")),)),
        Transition("a", ("lack",), ("b",), (Guard(expression=parse("order.missing > 2")),)),
    ),
    initial=("a",),
)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_payload_that_a_guard_cannot_read_is_the_clients_fault(engine: Engine, asynchronous: bool) -> None:
    with served(engine, orders=Lifecycle(WEIGHED, UUIDS.store), asynchronous=asynchronous) as api:
        path = opened(api)
        for payload in (None, {}, {"weight": "CANARY"}, {"weight": None}, {"weight": [1]}, {"weight": {"a": 1}}):
            answer = send(api, path, "ann", "weigh", payload=payload)
            assert (answer.status_code, answer.json()["code"]) == (422, "payload-invalid")
            assert "CANARY" not in answer.text
        assert send(api, path, "ann", "weigh", payload={"weight": 10**9}).status_code == 201


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_guard_says_why_not_with_what_it_has_seen(engine: Engine, asynchronous: bool) -> None:
    """Blockers are worked out late: they must be, before the order is gone with its session."""
    with served(engine, orders=Lifecycle(WEIGHED, UUIDS.store), asynchronous=asynchronous) as api:
        answer = send(api, opened(api), "ann", "count")
        assert (answer.status_code, answer.json()["code"]) == (422, "guard-refused")
        (blocker,) = answer.json()["blockers"]
        assert blocker["parameters"]["operands"].keys() == {"order.stamps"}


def test_a_guard_without_its_facts_is_the_services_fault_and_is_logged(
    api: httpx.Client, sqlite: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with served(sqlite, orders=Lifecycle(WEIGHED, UUIDS.store)) as api:
        path = opened(api)
        answer = send(api, path, "ann", "lack")
        assert (answer.status_code, answer.json()["code"]) == (500, "guard-failed")
        assert "missing" not in answer.text
        assert "missing" in caplog.text
        assert api.get(path, headers=as_("ann")).json()["revision"] == 1


# --- opening


def test_a_row_that_the_tables_do_not_take_is_no_order(engine: Engine) -> None:
    parcels = next(kind for kind in KINDS if kind.name == "text")

    def make(session: Session, who: Principal, payload: Any) -> Any:
        return parcels.order(number="P-1", note=who.id)

    with served(engine, parcels, opening=make) as api:
        assert opened(api) == "/api/orders/P-1"
        again = api.post("/api/orders", json={}, headers=as_("ann"))
        assert (again.status_code, again.json()["code"]) == (409, "order-refused")
        assert "parcel" not in again.text.lower()
        keyed = api.post("/api/orders", json={}, headers=as_("ann", Idempotency_Key="k"))
        assert keyed.status_code == 409


class Wanted(SQLModel):
    """What the service asks of a payload."""

    copies: int = Field(ge=1)


def test_a_payload_that_the_service_refuses_is_told_by_place(sqlite: Engine) -> None:
    def make(session: Session, who: Principal, payload: Any) -> Any:
        return UUIDS.order(note=f"{who.id} {Wanted.model_validate(payload).copies}")

    with served(sqlite, opening=make) as api:
        for payload in ({"copies": 0}, {"copies": "CANARY"}, {}, None):
            answer = api.post("/api/orders", json={"payload": payload}, headers=as_("ann"))
            assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, "body.payload.copies")
            assert "CANARY" not in answer.text


def test_ready_made_orders_need_no_function_and_own_tables_do(sqlite: Engine) -> None:
    everything = {"visible": lambda who: Order.id == Order.id, "opening": None}
    with served(sqlite, READY_MADE, **everything) as api:
        path = opened(api, payload={"a": 1})
        assert api.get(path, headers=as_("ann")).status_code == 200
    with Session(sqlite) as session:
        assert session.scalars(select(Order.data)).one() == {"a": 1}
    with served(sqlite, opening=None) as api:
        assert api.post("/api/orders", json={}, headers=as_("ann")).status_code in (404, 405)


def test_own_endpoints_of_a_service_fail_in_the_same_words() -> None:
    own = APIRouter(route_class=Route)

    @own.get("/refused")
    def refused() -> None:
        step(load("stat/order"), "accepted", "accept", actor="provider")

    @own.get("/absent")
    def absent() -> None:
        raise HTTPException(404, "there is no such thing")

    app = FastAPI()
    app.include_router(own)
    with client(app) as asking:
        said = asking.get("/refused")
        assert (said.status_code, said.headers["content-type"]) == (409, "application/problem+json")
        assert said.json()["code"] == "not-enabled"
        assert asking.get("/absent").json()["detail"] == "there is no such thing"


def test_an_order_may_begin_by_another_event(api: httpx.Client) -> None:
    assert api.post("/api/orders", json={"event": "rush"}, headers=as_("ann")).status_code == 403
    rushed = api.post("/api/orders", json={"event": "rush"}, headers=as_("press"))
    assert rushed.json()["configuration"] == "printing"
    assert api.post("/api/orders", json={"event": "accept"}, headers=as_("press")).status_code == 409


# --- the router itself


@pytest.mark.parametrize(
    "wrong",
    [{"require": ["etag"]}, {"require": "if-match"}, {"path": "orders"}, {"path": "/orders/"}, {"path": "/{x}"}],
)
def test_a_router_that_cannot_be_is_refused(sqlite: Engine, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"path|require"):
        generic.router(
            lifecycle(UUIDS), sessions=partial(Session, sqlite), principal=known, visible=visible(UUIDS), **wrong
        )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused_with_all_that_are_allowed(api: httpx.Client, method: str) -> None:
    path = opened(api)
    allowed = {
        "": "GET, HEAD",
        "/history": "GET, HEAD",
        "/history/1": "GET, HEAD",
        "/history.csv": "GET, HEAD",
        "/events": "GET, HEAD, POST",
        "/explanations": "POST",
        "/events/accept": "GET, HEAD",
        "/diagram": "GET, HEAD",
    }
    for place, methods in allowed.items():
        answer = api.request(method, path + place)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
        assert answer.headers["content-type"] == "application/problem+json"
    assert api.request(method, "/api/orders").headers["allow"] == "POST"


def test_head_is_get_without_a_body(api: httpx.Client) -> None:
    path = opened(api)
    for place in ("", "/history", "/history/1", "/history.csv", "/events", "/events/withdraw", "/diagram"):
        got, head = (api.request(method, path + place, headers=as_("ann")) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers.items() - {("date", head.headers["date"])} <= dict(got.headers).items()


@contextmanager
def around(app: FastAPI, way: str) -> Iterator[tuple[httpx.Client, str]]:
    """A client of an app that lies deeper, and what is cut off of its paths on the way there."""
    if way == "mounted":
        outer = FastAPI()
        outer.mount("/deep", app)
        with client(outer) as api:
            yield api, ""
    elif way == "root path of the server":
        with serving(app, root_path="/deep") as url, plain(base_url=url) as api:
            yield api, "/deep"
    else:

        async def told(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"root_path": "/deep"}, receive, send)

        with client(told) as api:
            yield api, "/deep"


@pytest.mark.parametrize("way", ["mounted", "root path of the server", "root path beside the path"])
def test_links_lead_back_through_mounts_and_proxies(sqlite: Engine, way: str) -> None:
    SQLModel.metadata.create_all(sqlite, tables=[generic.Opened.__table__])
    given: Any = {"principal": known, "visible": visible(UUIDS), "opening": opening(UUIDS)}
    app = FastAPI()
    app.include_router(generic.router(lifecycle(UUIDS), sessions=partial(Session, sqlite), **given))
    with around(app, way) as (api, cut):
        made = api.post("/deep/orders".removeprefix(cut), json={}, headers=as_("ann"))
        path = made.headers["location"]
        assert path.startswith("/deep/orders/")
        here = path.removeprefix(cut)
        assert send(api, here, "ann", "withdraw").headers["location"] == f"{path}/history/2"
        page = api.get(f"{here}/history?limit=1", headers=as_("ann"))
        assert page.links["next"]["url"].startswith(f"{path}/history?")


def test_openapi_names_every_operation_once_with_what_it_answers(api: httpx.Client) -> None:
    spec = api.get("/openapi.json").json()
    operations = [operation for path in spec["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    names = ("diagram", "entry", "events", "explain", "explain_body", "export", "history", "open", "send", "status")
    assert sorted(ids) == [f"orders_test_press_{name}" for name in names]
    for operation in operations:
        assert {"401", "403", "404", "422", "503"} <= operation["responses"].keys()
        for status, answer in operation["responses"].items():
            assert list(answer.get("content", {})) == [] if status == "304" else True
            assert int(status) < 300 or status == "304" or list(answer["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in spec["components"]["schemas"]
