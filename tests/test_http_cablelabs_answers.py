"""The Ethernet services API, asynchronous: a status request at the seller, its answer at the buyer."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine, func
from sqlmodel import Session, select

import kept_cablelabs as kept
from kept_cablelabs import EXAMPLE, NOW, QUESTION, SERVED, WHO, auth, clock, example, placed
from kept_databases import asked_for, new_database
from kept_http import client, reserved
from orderfsm.http import Principal, cablelabs
from orderfsm.http.cablelabs import Answers, CableInquiry, CableRequest, CableRequestOutbox, Endpoint
from orderfsm.http.cablelabs.inquiries import follows, rank
from orderfsm.outbox import Policy, Relay, dead, relay, revive
from orderfsm.outbox.signature import Secrets
from orderfsm.sqlmodel import engine

SECRET, OTHER = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"c", b"o"))
SENDERS = {"Cox": [SECRET], "Comcast": [OTHER]}
ANSWER = EXAMPLE | {"sellerId": "Cox Spectrum Business"}
"""The answer of the document, word for word: its seller is spelled as in the request."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    with asked_for(request, tmp_path, cablelabs.create) as made:
        yield made


@pytest.fixture
def light(tmp_path: Any) -> Iterator[Engine]:
    with new_database("sqlite", "", tmp_path, cablelabs.create) as made:
        yield made


def registered(url: str = "https://buyer.example/orders/status-response") -> Callable[[str], Endpoint | None]:
    return {"Verizon": Endpoint(url, SECRET)}.get


def count(made: Engine, model: Any) -> int:
    with Session(made) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


# --- the request, at the seller


@pytest.fixture
def seller(database: Engine) -> Iterator[httpx.Client]:
    with kept.http(database, endpoints=registered()) as made:
        yield made


@pytest.fixture
def lone(light: Engine) -> Iterator[httpx.Client]:
    """The same on SQLite alone."""
    with kept.http(light, endpoints=registered(), senders=SENDERS.get) as made:
        yield made


def test_the_request_of_the_document_is_created_and_emits_an_answer(seller: httpx.Client, database: Engine) -> None:
    example(database)
    answer = seller.post("/orders/status-request", json=QUESTION, headers=auth("buyer"))
    assert (answer.status_code, answer.content) == (201, b"")
    with Session(database) as session:
        (asked,) = session.scalars(select(CableRequest)).all()
        assert (asked.code, asked.asked_for, asked.seller_name) == ("open", "ORD-CC-12345", "Cox Spectrum Business")
        (row,) = session.scalars(select(CableRequestOutbox)).all()
        assert (row.order_id, row.action, row.attempts) == (asked.id, "orderStatusResponse", 0)


@pytest.mark.parametrize("left_out", ["orderId", "buyerPurchaseOrderNumber"])
def test_the_id_or_the_number_is_enough(lone: httpx.Client, light: Engine, left_out: str) -> None:
    example(light)
    body = {name: value for name, value in QUESTION.items() if name != left_out}
    assert lone.post("/orders/status-request", json=body, headers=auth("buyer")).status_code == 201
    assert count(light, CableRequest) == 1


def test_nobody_but_the_buyer_asks_for_an_answer(lone: httpx.Client, light: Engine) -> None:
    example(light)
    example(light, id="ORD-2", buyer_id="Sprint", seller_id="Comcast")
    for who in [*WHO, "unknown", None]:
        headers = {} if who is None else auth(who)
        for body in (QUESTION, QUESTION | {"orderId": "ORD-2", "buyerId": "Sprint", "sellerId": "Comcast"}):
            answer = lone.post("/orders/status-request", json=body, headers=headers)
            absent = lone.post("/orders/status-request", json=body | {"orderId": "ORD-0"}, headers=headers)
            if who == "buyer" and body is QUESTION:
                assert answer.status_code == 201
            elif who == "other-buyer" and body is not QUESTION:
                assert answer.status_code == 405  # its own order, and no endpoint to answer to
            else:
                assert answer.status_code == absent.status_code == (404 if who in WHO else 401)
                assert answer.content == absent.content
    assert count(light, CableRequest) == count(light, CableRequestOutbox) == 1


def test_without_a_registered_endpoint_nothing_is_asked(lone: httpx.Client, light: Engine) -> None:
    example(light, buyer_id="Sprint")
    body = QUESTION | {"buyerId": "Sprint"}
    for more in ({}, {"endpoint": "https://evil.example/"}, {"callback": "http://169.254.169.254/"}):
        answer = lone.post("/orders/status-request", json=body | more, headers=auth("other-buyer"))
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"
        assert [said["messageInformation"] for said in answer.json()["orderMessages"]] == [
            "Invalid input.",
            "has no endpoint that answers could be posted to; register one",
        ]
        assert "evil" not in answer.text
    assert count(light, CableRequest) == 0


def bodies(good: dict[str, Any]) -> dict[str, bytes]:
    told = json.dumps(good)
    return {
        "nothing": b"",
        "no JSON": b"{",
        "a list": b"[]",
        "a text": b'"x"',
        "NaN": told.replace('"PO-12345"', "NaN").encode(),
        "a number": told.replace('"PO-12345"', "1").encode(),
        "a truth": told.replace('"PO-12345"', "true").encode(),
        "5,000 digits": told.replace('"PO-12345"', "9" * 5_000).encode(),
        "2**63": told.replace('"PO-12345"', str(2**63)).encode(),
        "null for an object": told.replace('"PO-12345"', '{"a": 1}').encode(),
        "an array": told.replace('"PO-12345"', '["PO-12345"]').encode(),
        "an empty text": told.replace('"Verizon"', '""').encode(),
        "a long text": told.replace('"PO-12345"', f'"{"x" * 101}"').encode(),
        "a NUL": told.replace("PO-12345", "PO\\u0000").encode(),
        "a surrogate": told.replace("PO-12345", "\\ud800").encode(),
        "a name twice": told.replace("{", '{"orderId": "x", ', 1).encode(),
        "no UTF-8": told.replace("PO-12345", "\xff").encode("latin-1"),
        "UTF-16": told.encode("utf-16"),
        "nesting": b"[" * 100_000 + b"]" * 100_000,
        "another kind": told.replace('"orderStatusRe', '"somethingRe').encode(),
        "no kind": json.dumps({name: value for name, value in good.items() if name != "objectType"}).encode(),
        "no buyer": json.dumps({name: value for name, value in good.items() if name != "buyerId"}).encode(),
    }


@pytest.mark.parametrize("name", bodies(QUESTION))
def test_hostile_requests_are_invalid_input(lone: httpx.Client, light: Engine, name: str) -> None:
    example(light)
    headers = auth("buyer") | {"content-type": "application/json"}
    answer = lone.post("/orders/status-request", content=bodies(QUESTION)[name], headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    said = answer.json()["orderMessages"]
    assert said[0]["messageInformation"] == "Invalid input."
    assert all(len(each["messageInformation"]) <= 150 and each["severity"] == "ERROR" for each in said)
    assert len(answer.content) < 4_000
    assert "PO-12345" not in answer.text
    assert count(light, CableRequest) == 0


def test_a_body_has_a_megabyte_at_most(lone: httpx.Client) -> None:
    for url in ("/orders/status-request", "/orders/status-response"):
        headers = auth("buyer") | {"content-type": "application/json"}
        assert lone.post(url, content=b" " * 2_000_000, headers=headers).status_code == 413
        chunks = iter([b" " * 500_000] * 4)
        assert lone.post(url, content=chunks, headers=headers).status_code == 413


def test_a_body_that_says_it_is_no_json_is_invalid_input(lone: httpx.Client, light: Engine) -> None:
    example(light)
    headers = auth("buyer") | {"content-type": "text/plain"}
    answer = lone.post("/orders/status-request", content=json.dumps(QUESTION), headers=headers)
    assert answer.status_code == 405


def test_what_is_not_asked_for_is_not_stored(lone: httpx.Client, light: Engine) -> None:
    example(light)
    more = {"id": "mine", "code": "answered", "revision": 7, "asked_for": "ORD-2", "seller_name": "Me"}
    assert lone.post("/orders/status-request", json=QUESTION | more, headers=auth("buyer")).status_code == 201
    with Session(light) as session:
        (asked,) = session.scalars(select(CableRequest)).all()
        assert (asked.code, asked.revision, asked.asked_for) == ("open", 1, "ORD-CC-12345")
        assert asked.seller_name == "Cox Spectrum Business"


# --- where answers go


def answers(made: Engine, url: str, **more: Any) -> Answers:
    return Answers(partial(Session, made), registered(url), clock=clock, **more)


def asked(made: Engine) -> None:
    example(made)
    with kept.http(made, endpoints=registered()) as seller:
        assert seller.post("/orders/status-request", json=QUESTION, headers=auth("buyer")).status_code == 201


def told_once(made: Engine, deliver: Answers) -> Any:
    """One round of a relay, and the error that its message has."""
    requests = cablelabs.lives(clock).requests
    report = relay(made, requests, deliver, clock=clock)
    assert report.delivered == 0
    with Session(made) as session:
        (row,) = session.scalars(select(CableRequestOutbox)).all()
        assert session.scalars(select(CableRequest)).one().code == "open"
        return report, row


@pytest.mark.parametrize(
    ("url", "allow", "said"),
    [
        ("https://127.0.0.1/x", (), "is not a public address"),
        ("https://localhost/x", (), "is not a public address"),
        ("https://10.0.0.1/x", ("loopback",), "is not a public address"),
        ("https://169.254.169.254/latest", ("loopback",), "is not a public address"),
        ("http://169.254.169.254/latest", ("loopback",), "is not a public address"),
        ("http://1.1.1.1/x", ("loopback",), "is not for plain HTTP"),
        ("https://[::ffff:7f00:1]/x", (), "is not a public address"),
    ],
)
def test_answers_go_to_no_private_address(light: Engine, url: str, allow: Any, said: str) -> None:
    asked(light)
    report, row = told_once(light, answers(light, url, allow=allow))
    assert (report.retried, report.dead) == (1, 0)
    assert said in row.error
    assert "latest" not in row.error


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://buyer.example/x", "begins with https"),
        ("file:///etc/passwd", "begins with https"),
        ("https://user:pw@buyer.example/", "neither credentials"),
    ],
)
def test_an_endpoint_that_will_not_do_is_a_dead_letter(light: Engine, url: str, said: str) -> None:
    asked(light)
    report, row = told_once(light, answers(light, url))
    assert (report.retried, report.dead) == (0, 1)
    assert said in row.error
    assert "passwd" not in row.error
    assert "pw" not in row.error


def test_an_endpoint_that_is_taken_back_gets_nothing(light: Engine) -> None:
    asked(light)
    report, row = told_once(light, Answers(partial(Session, light), lambda _: None, clock=clock))
    assert report.dead == 1
    assert row.error.startswith("no endpoint is registered for the buyer")


def test_secrets_are_not_shown() -> None:
    assert SECRET not in repr(Endpoint("https://buyer.example/", SECRET))


# --- the answer, at the buyer


def inquired(made: Engine, *orders: str | None, at: Callable[[], datetime] = clock, **more: Any) -> None:
    inquiries = cablelabs.lives(at).inquiries
    given = {"buyer_id": "Verizon", "seller_id": "Cox", "pon": "PO-12345"} | more
    with Session(made) as session:
        for order in orders:
            cablelabs.inquire(session, inquiries, order_id=order, **given)
        session.commit()


def post(
    buyer: httpx.Client,
    body: Any = ANSWER,
    *,
    id: str = "m1",
    at: datetime = NOW,
    secret: str | None = SECRET,
    **headers: str,
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = {} if secret is None else Secrets(secret).sign(id, at, content)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"content-type": "application/json"} | signed | given
    return buyer.post("/orders/status-response", content=content, headers=sent)


def known(made: Engine) -> list[tuple[str | None, str | None, str | None]]:
    """Of each inquiry: where it stands, by which message, with which status."""
    with Session(made) as session:
        found = session.scalars(select(CableInquiry).order_by(CableInquiry.asked_at, CableInquiry.id)).all()
        return sorted(
            ((each.code, each.message, each.answer and each.answer["orderStatus"]) for each in found),
            key=lambda row: (row[0] != "answered", row[1] or ""),
        )


@pytest.fixture
def buyer(database: Engine) -> Iterator[httpx.Client]:
    with kept.http(database, senders=SENDERS.get) as made:
        yield made


def test_the_answer_of_the_document_is_taken(buyer: httpx.Client, database: Engine) -> None:
    inquired(database, "ORD-CC-12345")
    answer = post(buyer)
    assert (answer.status_code, answer.content) == (201, b"")
    with Session(database) as session:
        (found,) = session.scalars(select(CableInquiry)).all()
        assert found.answer == SERVED | {"sellerId": "Cox Spectrum Business"}  # COMPLETE is kept as COMPLETED
        assert (found.code, found.message, found.signed_at, found.version) == ("answered", "m1", NOW, "1")


@pytest.mark.parametrize(("order", "pon"), [("ORD-CC-12345", None), (None, "PO-12345")])
def test_what_the_buyer_did_not_know_is_filled_in(light: Engine, lone: httpx.Client, order: Any, pon: Any) -> None:
    inquired(light, order, pon=pon)
    assert post(lone).status_code == 201
    with Session(light) as session:
        (found,) = session.scalars(select(CableInquiry)).all()
        assert (found.for_order, found.pon) == ("ORD-CC-12345", "PO-12345")


def test_forged_answers_are_refused_all_alike(lone: httpx.Client, light: Engine) -> None:
    inquired(light, "ORD-CC-12345")
    good = json.dumps(ANSWER).encode()
    signed = Secrets(SECRET).sign("m1", NOW, good)
    changed = good.replace(b"IN_PROGRESS", b"CANCELLED")
    late = NOW - timedelta(minutes=6)
    forged = [
        post(lone, secret=None),
        post(lone, secret=OTHER),
        post(lone, changed, secret=None, **signed),
        post(lone, at=late),
        post(lone, at=NOW + timedelta(minutes=6)),
        post(lone, good, secret=None, **signed | {"webhook-id": "m2"}),
        post(lone, good, secret=None, **signed | {"webhook-timestamp": "x"}),
        post(lone, good, secret=None, **signed | {"webhook-timestamp": "9" * 5_000}),
        post(lone, ANSWER | {"sellerId": "Comcast"}),
        post(lone, ANSWER | {"sellerId": "Nobody"}),
        post(lone, {name: value for name, value in ANSWER.items() if name != "sellerId"}),
        post(lone, ANSWER | {"sellerId": ["Cox"]}),
        post(lone, b"[]"),
        post(lone, secret=None, **auth("seller")),
        post(lone, secret=None, **auth("buyer")),
    ]
    assert {answer.status_code for answer in forged} == {401}
    assert len({answer.content for answer in forged}) == 1
    assert known(light) == [("open", None, None)]
    assert post(lone).status_code == 201


def test_one_seller_does_not_speak_for_another(lone: httpx.Client, light: Engine) -> None:
    inquired(light, "ORD-CC-12345")
    assert post(lone, ANSWER | {"sellerId": "Comcast"}, secret=OTHER).status_code == 404
    assert known(light) == [("open", None, None)]


def test_an_answer_that_nobody_waits_for_is_not_found(lone: httpx.Client, light: Engine) -> None:
    nothing = post(lone)
    inquired(light, "ORD-CC-12345")
    inquired(light, "ORD-CC-12345", buyer_id="Sprint")
    for other in ({"orderId": "ORD-2"}, {"buyerPurchaseOrderNumber": "PO-2"}, {"buyerId": "Level3"}):
        answer = post(lone, ANSWER | other, id=f"m-{next(iter(other))}")
        assert (answer.status_code, answer.content) == (nothing.status_code, nothing.content) == (404, nothing.content)
    assert known(light) == [("open", None, None)] * 2


def test_a_replay_changes_nothing(buyer: httpx.Client, database: Engine) -> None:
    inquired(database, "ORD-CC-12345", "ORD-CC-12345")
    assert [post(buyer).status_code for _ in range(3)] == [201, 201, 201]
    later = post(buyer, ANSWER | {"orderStatus": "COMPLETED"})  # the seller's second attempt, told anew
    assert later.status_code == 201
    assert known(database) == [("answered", "m1", "IN_PROGRESS"), ("open", None, None)]


def test_a_replay_is_refused_when_its_time_is_over(light: Engine) -> None:
    inquired(light, "ORD-CC-12345", "ORD-CC-12345")
    with kept.http(light, senders=SENDERS.get) as buyer:
        assert post(buyer).status_code == 201
    with kept.http(light, senders=SENDERS.get, clock=lambda: NOW + timedelta(minutes=6)) as buyer:
        assert post(buyer).status_code == 401


def test_the_same_answer_many_times_at_once_is_taken_once(buyer: httpx.Client, database: Engine) -> None:
    inquired(database, *["ORD-CC-12345"] * 3)
    statuses: list[int] = []
    several = [threading.Thread(target=lambda: statuses.append(post(buyer).status_code)) for _ in range(6)]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert statuses == [201] * 6
    assert known(database) == [("answered", "m1", "IN_PROGRESS"), ("open", None, None), ("open", None, None)]


def test_answers_at_once_close_an_inquiry_each(buyer: httpx.Client, database: Engine) -> None:
    inquired(database, *["ORD-CC-12345"] * 2)
    statuses: list[int] = []
    several = [
        threading.Thread(target=lambda id=f"m{number}": statuses.append(post(buyer, id=id).status_code))
        for number in range(4)
    ]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    assert sorted(statuses) == [201, 201, 404, 404]
    assert [row[0] for row in known(database)] == ["answered", "answered"]


STALE = [
    ({"buyerOrderVersion": "1"}, timedelta(seconds=1), "body.buyerOrderVersion"),
    ({"orderStatus": "ACKNOWLEDGED"}, timedelta(seconds=1), "body.orderStatus"),
    ({"orderStatus": "REJECTED"}, timedelta(seconds=1), "body.orderStatus"),
    ({}, -timedelta(seconds=1), "webhook-timestamp"),
]


@pytest.mark.parametrize(("older", "later", "place"), STALE)
def test_an_answer_that_is_older_than_what_is_known_is_refused(
    lone: httpx.Client, light: Engine, older: dict[str, str], later: timedelta, place: str
) -> None:
    inquired(light, *["ORD-CC-12345"] * 3)
    current = ANSWER | {"buyerOrderVersion": "02"}
    assert post(lone, current).status_code == 201
    answer = post(lone, current | older, id="m2", at=NOW + later)
    assert answer.status_code == 405
    assert answer.json()["orderMessages"][1]["field"] == place
    assert [row[0] for row in known(light)] == ["answered", "open", "open"]
    newer = current | {"buyerOrderVersion": "10", "orderStatus": "COMPLETED"}
    assert post(lone, newer, id="m3", at=NOW + timedelta(seconds=2)).status_code == 201
    after = newer | {"orderStatus": "IN_PROGRESS"}
    assert post(lone, after, id="m4", at=NOW + timedelta(seconds=3)).status_code == 405
    assert known(light)[-1] == ("open", None, None)


def test_what_an_order_does_between_two_answers_need_not_be_seen(lone: httpx.Client, light: Engine) -> None:
    inquired(light, *["ORD-CC-12345"] * 5)
    for number, status in enumerate(("ACKNOWLEDGED", "HELD", "HELD", "PENDING", "COMPLETED")):
        at = NOW + timedelta(seconds=number)
        assert post(lone, ANSWER | {"orderStatus": status}, id=f"m{number}", at=at).status_code == 201


def test_codes_follow_as_the_chart_lets_them() -> None:
    table = cablelabs.lives(clock).orders.table
    codes = (
        "ACKNOWLEDGED",
        "IN_PROGRESS",
        "PENDING",
        "HELD",
        "REJECTED",
        "CANCELLED",
        "PARTIAL",
        "FAILED",
        "COMPLETED",
    )
    ends = set(codes[4:])
    for before in codes:
        allowed = {after for after in codes if follows(table, before, after)}
        wanted = (
            {before}
            if before in ends
            else set(codes)
            if before == "ACKNOWLEDGED"
            else set(codes) - {"ACKNOWLEDGED", "REJECTED"}
        )
        assert allowed == wanted


def test_versions_are_compared_as_numbers_that_are_texts() -> None:
    assert sorted(["10", "2", "99", "0", "09", "1"], key=rank) == ["0", "1", "2", "09", "10", "99"]
    assert rank("01") == rank("1")


@pytest.mark.parametrize("name", sorted(set(bodies(ANSWER)) - {"nothing", "a list", "a text"}))
def test_hostile_answers_are_invalid_input_even_when_signed(lone: httpx.Client, light: Engine, name: str) -> None:
    inquired(light, "ORD-CC-12345")
    answer = post(lone, bodies(ANSWER)[name])
    assert answer.status_code == 405
    assert "PO-12345" not in answer.text
    assert known(light) == [("open", None, None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"orderStatus": "COMPLETEd"},
        {"orderStatus": "held_by_seller"},
        {"orderStatus": None},
        {"buyerOrderVersion": 1},
        {"buyerOrderVersion": "100"},
        {"requestedCompletionDate": "Dog"},
        {"requestedCompletionDate": "2016-14-14T13:10+10:10"},
        {"expectedCompletionDate": "2016-10-05T08:00"},
        {"correctionOrderExpected": "yes"},
        {"orderItemStatuses": {}},
        {"orderItemStatuses": [{"orderItemReference": "00001", "orderItemStatus": "HELD"}]},
        {"orderItemStatuses": [{"orderItemReference": "01", "orderItemStatus": "DONE"}]},
        {"orderItemStatuses": [{"orderItemReference": "01", "orderItemStatus": "HELD"}] * 1_001},
        {"orderMessages": [{"messageInformation": "x" * 151, "severity": "ERROR", "correctionRequired": True}]},
        {"orderMessages": [{"messageInformation": "x", "severity": "FATAL", "correctionRequired": True}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_answers_that_do_not_fit_the_schema_are_invalid_input(
    lone: httpx.Client, light: Engine, wrong: dict[str, Any]
) -> None:
    inquired(light, "ORD-CC-12345")
    answer = post(lone, ANSWER | wrong)
    assert answer.status_code == 405
    assert answer.json()["orderMessages"][1]["field"].startswith(f"body.{next(iter(wrong))}")
    assert known(light) == [("open", None, None)]


def test_both_forms_of_dates_and_messages_are_taken(lone: httpx.Client, light: Engine) -> None:
    inquired(light, "ORD-CC-12345")
    said = {
        "code": "FMT002",
        "field": "requestedCompletionDate",
        "messageInformation": "Desired Completion Date Invalid",
        "severity": "ERROR",
        "correctionRequired": True,
    }
    more = {
        "requestedCompletionDate": "2016-10-11",
        "expectedCompletionDate": "2016-10-05T08:00:00Z",
        "completionDate": "2016-10-05T08:00-05:00",
        "correctionOrderExpected": True,
        "correctionOrderDueDate": "2016-10-06",
        "orderMessages": [said | {"mine": "x"}],
    }
    assert post(lone, ANSWER | more | {"revision": 9}).status_code == 201
    with Session(light) as session:
        (found,) = session.scalars(select(CableInquiry)).all()
        kept_more = more | {"expectedCompletionDate": "2016-10-05T08:00Z", "orderMessages": [said]}
        assert found.answer == SERVED | {"sellerId": "Cox Spectrum Business"} | kept_more
        assert found.revision == 2


def test_a_message_has_an_id_of_bounded_length(lone: httpx.Client, light: Engine) -> None:
    inquired(light, "ORD-CC-12345")
    assert post(lone, id="m" * 256).status_code == 405
    assert post(lone, id="m" * 255).status_code == 201


def test_an_inquiry_is_about_an_order(light: Engine) -> None:
    with pytest.raises(ValueError, match="give order_id, or pon"):
        inquired(light, None, pon=None)


# --- both sides, over real sockets


class Host:
    """A server at one port that goes away and comes back."""

    def __init__(self, app: Any) -> None:
        self._reserved = ExitStack()
        self.port = self._reserved.enter_context(reserved())
        self._app = app
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        self._server = uvicorn.Server(uvicorn.Config(self._app, port=self.port, log_level="warning", ws="none"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.005)

    def down(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join(60)
            self._server = None
        self._reserved.close()


class Sides:
    """A seller and a buyer, each with a database and a server of its own, and the seller's relay."""

    def __init__(self, sellers: Engine, buyers: Engine, ends: ExitStack) -> None:
        self.sellers, self.buyers = sellers, buyers
        at = {"clock": lambda: datetime.now(UTC)}
        self.buyer = Host(kept.app(buyers, senders=SENDERS.get, **at))
        ends.callback(self.buyer.down)
        endpoints = registered(self.buyer.url + "/orders/status-response")
        self.http = ends.enter_context(client(kept.app(sellers, endpoints=endpoints, **at)))
        self.life = cablelabs.lives()
        deliver = Answers(partial(Session, sellers), endpoints, allow=["loopback"])
        policy = Policy(first=timedelta(milliseconds=50), longest=timedelta(milliseconds=100), jitter=0)
        self.relay = Relay(sellers, self.life.requests, deliver, policy=policy)
        ends.callback(self.relay.stop)

    def ask(self, **more: Any) -> str:
        """The buyer notes its inquiry, then posts it."""
        with Session(self.buyers) as session:
            given = {"buyer_id": "Verizon", "seller_id": "Cox", "pon": "PO-12345"} | more
            inquiry = cablelabs.inquire(session, self.life.inquiries, **given)
            session.commit()
            body, found = cablelabs.question(inquiry), inquiry.id
        answer = self.http.post("/orders/status-request", json=body, headers=auth("buyer"))
        assert (answer.status_code, answer.content) == (201, b"")
        return found

    def send(self, event: str, actor: Principal, role: str) -> None:
        with Session(self.sellers) as session:
            order = session.get_one(cablelabs.CableOrder, "ORD-CC-12345")
            self.life.orders.send(session, order, event, actor=actor.actor(role))
            session.commit()

    def letter(self) -> CableRequestOutbox:
        with Session(self.sellers) as session:
            return session.scalars(select(CableRequestOutbox)).one()

    def watch(self, until: Callable[[], bool]) -> None:
        ends = time.monotonic() + 60
        for _ in self.relay.watch(poll=0.02):
            if until():
                return
            assert time.monotonic() < ends, "it did not happen"


@pytest.fixture
def sides(database: Engine, tmp_path: Any) -> Iterator[Sides]:
    buyers = engine(f"sqlite:///{tmp_path}/buyers.db")
    cablelabs.create(buyers)
    with ExitStack() as ends:
        yield Sides(database, buyers, ends)
    buyers.dispose()


def test_an_answer_waits_until_the_buyer_is_back_and_then_tells_the_order_as_it_is(sides: Sides) -> None:
    example(sides.sellers)
    inquiry = sides.ask()
    sides.watch(lambda: sides.letter().attempts >= 2)  # nobody listens
    letter = sides.letter()
    assert (letter.settled_at, letter.dead_at) == (None, None)
    assert "no answer (ConnectionRefusedError)" in (letter.error or "")

    sides.send("cancel", WHO["buyer"], "buyer")
    sides.buyer.up()
    sides.watch(lambda: sides.letter().settled_at is not None)

    with Session(sides.buyers) as session:
        found = session.get_one(CableInquiry, inquiry)
        assert found.code == "answered"
        assert found.answer == SERVED | {"orderStatus": "CANCELLED"}
        past = sides.life.inquiries.history(session, found)
        assert [(entry.event, entry.actor and entry.actor.role) for entry in past] == [
            ("open", "buyer"),
            ("answer", "seller"),
        ]
    with Session(sides.sellers) as session:
        request = session.scalars(select(CableRequest)).one()
        assert request.code == "answered"
        past = sides.life.requests.history(session, request)
        assert [(entry.event, entry.actor and entry.actor.id) for entry in past] == [
            ("open", "Verizon"),
            ("answer", ""),
        ]


def test_one_host_with_one_database_may_be_both_sides(database: Engine) -> None:
    example(database)
    inquired(database, None, at=lambda: datetime.now(UTC))
    endpoints: dict[str, Endpoint] = {}
    at = {"clock": lambda: datetime.now(UTC)}
    with client(kept.app(database, endpoints=endpoints.get, senders=SENDERS.get, **at)) as host:
        endpoints["Verizon"] = Endpoint(str(host.base_url) + "/orders/status-response", (OTHER, SECRET))
        assert host.post("/orders/status-request", json=QUESTION, headers=auth("buyer")).status_code == 201
        deliver = Answers(partial(Session, database), endpoints.get, allow=["loopback"])
        assert relay(database, cablelabs.lives().requests, deliver).delivered == 1
        assert relay(database, cablelabs.lives().requests, deliver).deliveries == ()
    assert [(row[0], row[2]) for row in known(database)] == [("answered", "IN_PROGRESS")]


def test_an_answer_that_is_delivered_twice_is_taken_once(sides: Sides) -> None:
    example(sides.sellers)
    sides.buyer.up()
    sides.ask()
    sides.ask()
    requests = sides.life.requests

    class Dies(Answers):
        """Delivers, and dies before anybody knows."""

        def _mark(self, session: Session, message: Any) -> None:
            raise ConnectionAbortedError

    options = {"allow": ["loopback"]}
    endpoints = registered(sides.buyer.url + "/orders/status-response")
    report = relay(sides.sellers, requests, Dies(partial(Session, sides.sellers), endpoints, **options))
    assert (report.delivered, report.retried) == (0, 2)
    assert sorted(row[0] or "" for row in known(sides.buyers)) == ["answered", "answered"]
    before = known(sides.buyers)
    sides.watch(lambda: count_answered(sides.sellers) == 2)
    assert known(sides.buyers) == before


def count_answered(made: Engine) -> int:
    with Session(made) as session:
        return len(session.scalars(select(CableRequest).where(CableRequest.code == "answered")).all())


def test_an_answer_that_the_buyer_refuses_is_a_dead_letter_that_can_be_revived(sides: Sides) -> None:
    example(sides.sellers)
    sides.buyer.up()
    body = QUESTION | {"sellerId": "Cox"}  # asked behind the back of the buyer's own records
    assert sides.http.post("/orders/status-request", json=body, headers=auth("buyer")).status_code == 201
    sides.relay.policy = replace(sides.relay.policy, attempts=2)
    sides.watch(lambda: sides.letter().dead_at is not None)
    assert "answered 404" in (sides.letter().error or "")
    inquired(sides.buyers, "ORD-CC-12345")
    with Session(sides.sellers) as session:
        assert revive(session, sides.life.requests, dead(session, sides.life.requests)) == 1
        session.commit()
    sides.watch(lambda: sides.letter().settled_at is not None)
    assert known(sides.buyers)[0][0] == "answered"


def test_what_is_posted_is_the_documents_body_with_a_signature(light: Engine) -> None:
    from test_webhook import Server, serving

    example(light)
    with serving(Server()) as server, kept.http(light, endpoints=registered()) as seller:
        seller.post("/orders/status-request", json=QUESTION, headers=auth("buyer"))
        server.answers = [(307, {"location": server.url}), (201, {})]
        deliver = answers(light, server.url, allow=["loopback"])
        requests = cablelabs.lives(clock).requests
        assert relay(light, requests, deliver, clock=clock).retried == 1
        assert relay(light, requests, deliver, clock=lambda: NOW + timedelta(minutes=1)).delivered == 1
    (_, first, body), (_, second, again) = server.got
    assert json.loads(body) == json.loads(again) == SERVED | {"sellerId": "Cox Spectrum Business"}
    assert first["content-type"] == "application/json"
    assert first["webhook-id"] == second["webhook-id"]
    assert not [name for name in first if name.startswith("ce-")]
    signature = Secrets(SECRET).sign(first["webhook-id"], NOW, body)
    assert first["webhook-signature"] == signature["webhook-signature"]


def test_a_request_is_kept_with_its_answer_or_not_at_all(database: Engine) -> None:
    placed(database, ("start",))
    life = cablelabs.lives(clock)
    with Session(database) as session:
        life.requests.open(session, CableRequest(asked_for="ORD-CC-12345", seller_name="Cox"), actor="buyer")
        session.rollback()
    assert count(database, CableRequest) == count(database, CableRequestOutbox) == 0
