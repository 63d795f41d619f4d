"""Drivers over HTTP: every dialect's own router agrees with its chart, and services that do not are found."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlmodel import Session

import orderfsm
from kept_testing_http import CLOCK, DIALECTS, driven, driven_within, generic_app, stat_app
from orderfsm.history import Actor
from orderfsm.http import stat
from orderfsm.lifecycle import Lifecycle
from orderfsm.sqlmodel import Order, OrderHistory, SqlStore, engine
from orderfsm.testing import (
    Attempt,
    Declined,
    Disagreement,
    Driver,
    Send,
    Unsent,
    Walk,
    follow,
    guard_outcomes,
    refusals,
    state_machine_for,
    transitions,
)
from orderfsm.testing.http_drivers import (
    AdobeDriver,
    BadAnswer,
    DreamJunctionDriver,
    GenericDriver,
    HttpDriver,
    RecordStackOverflowDriver,
    StapiDriver,
    StatDriver,
)

FEW = settings(max_examples=3, stateful_step_count=8, deadline=None, derandomize=True, database=None)
MANY = settings(
    max_examples=150,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
)


# --- our own routers


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "stapi"])
def test_every_arrow_of_a_dialect_is_taken_over_a_socket(name: str, tmp_path: Any) -> None:
    with driven(name, tmp_path) as (chart, driver):
        for walk in transitions(chart):
            follow(driver, walk)


@pytest.mark.parametrize("name", [name for name in DIALECTS if name != "stat"])
def test_whatever_is_sent_a_dialect_agrees_with_its_chart(name: str, tmp_path: Any) -> None:
    where = driven if name in ("stapi", "adobe", "cablelabs") else driven_within
    with where(name, tmp_path) as (chart, driver):
        run_state_machine_as_test(state_machine_for(chart, driver), settings=FEW)


@pytest.mark.parametrize("name", ["record_stack_overflow", "cablelabs"])
def test_guards_decide_as_the_chart_says(name: str, tmp_path: Any) -> None:
    with driven(name, tmp_path) as (chart, driver):
        for attempt in guard_outcomes(chart):
            follow(driver, attempt)


def test_a_history_of_more_than_a_page_is_read_as_a_whole(tmp_path: Any) -> None:
    database = engine(f"sqlite:///{tmp_path}/long.db")
    app = generic_app(database)
    orders = Lifecycle(orderfsm.load("stat/order"), SqlStore(Order, OrderHistory), clock=CLOCK)
    with Session(database) as session:
        order = Order()
        long_life(session, orders, order)
    with within(app) as client:
        shown = GenericDriver(client, headers=lambda actor: {"X-Token": "provider"}).look(f"/orders/{order.id}")
    assert (shown.revision, len(shown.entries or ())) == (103, 103)
    assert [entry["sequence"] for entry in shown.entries or ()] == list(range(1, 104))  # type: ignore[index,call-overload]
    database.dispose()


def test_statuses_of_more_than_a_page_are_read_as_a_whole(tmp_path: Any) -> None:
    database = engine(f"sqlite:///{tmp_path}/long.db")
    app = stat_app(database)
    with Session(database) as session:
        order = stat.ImageryOrder(customer="a customer", product_id="optical", created=CLOCK())
        order.search_parameters = {"geometry": {"type": "Point", "coordinates": [13.4, 52.5]}}
        long_life(session, stat.lifecycle("stat/order"), order)
    with within(app) as client:
        given = {"headers": lambda actor: {"Authorization": "Bearer provider"}, "product": "optical"}
        drivers = (StapiDriver(client, **given), StatDriver(client, **given))
        shown = [driver.look(str(order.id)) for driver in drivers]
    assert shown[0] == shown[1]
    assert (shown[0].configuration, len(shown[0].entries or ())) == ("processing", 103)
    database.dispose()


def long_life(session: Session, orders: Lifecycle, order: Any) -> None:
    """An order with 103 entries, committed."""
    orders.open(session, order, actor="customer")
    orders.send(session, order, "accept", actor="provider")
    for _ in range(101):
        orders.send(session, order, "process", actor="provider")
    session.commit()
    session.refresh(order)
    session.expunge(order)


@contextmanager
def within(app: Any) -> Iterator[Any]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    with TestClient(app) as client:
        yield client


# --- a service that somebody else wrote, without this library, and its mistakes

LOAN = """
chart: library/loan
version: "1"
initial: reserved
actors: {reader: Whoever borrows., desk: The people at the desk.}
states:
  reserved: {}
  lent: {}
  returned: {final: true}
  lost: {final: true}
events:
  open: {from: "[*]", to: reserved, by: reader}
  lend: {from: reserved, to: lent, by: desk}
  renew: {from: lent, by: [reader, desk]}
  return: {from: lent, to: returned, by: desk}
  lose: {from: lent, to: lost, by: desk, reason: required}
"""
CHART = orderfsm.read(LOAN)


class Library:
    """The loans of a library behind the generic API, as a WSGI app; `mistake` is what is wrong about it."""

    def __init__(self, mistake: str = "") -> None:
        self.mistake = mistake
        self.loans: list[list[dict[str, Any]]] = []
        self.answers: dict[tuple[str, str], tuple[str, Any]] = {}

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else None
        path, key = environ["PATH_INFO"].strip("/").split("/"), environ.get("HTTP_IDEMPOTENCY_KEY")
        status, content = self.answer(path, body, key)
        headers = [("Content-Type", "application/json"), ("Location", content.pop("location", "/"))]
        start(f"{status} said", headers)
        return [json.dumps(content).encode()]

    def answer(self, path: list[str], body: Any, key: str | None) -> tuple[int, dict[str, Any]]:
        if body is None:
            return 200, self.shown(int(path[1]))
        if key and (path[-1], key) in self.answers:
            sent, answer = self.answers[path[-1], key]
            if self.mistake == "twice" and sent == body and body["event"] != "open":
                self.loans[int(path[1])].append(self.loans[int(path[1])][-1])
            return (201, dict(answer)) if sent == body else (422, {"code": "key-reused", "detail": "used before"})
        status, content = self.opened(body) if len(path) == 1 else self.sent(int(path[1]), body)
        if key and status == 201:
            self.answers[path[-1], key] = (body, dict(content))
        return status, content

    def shown(self, number: int) -> dict[str, Any]:
        entries = self.loans[number]
        return {"configuration": entries[-1]["after"], "revision": len(entries), "history": entries}

    def opened(self, body: Any) -> tuple[int, dict[str, Any]]:
        if body["event"] != "open":
            return 409, {"code": "unknown-event", "detail": f"nothing begins with {body['event']}"}
        if body.get("as") != "reader":
            return 403, {"code": "not-permitted", "detail": "for readers"}
        self.loans.append([{"event": "open", "after": "reserved", "actor": {"role": "reader"}}])
        return 201, {"location": f"/orders/{len(self.loans) - 1}"}

    def sent(self, number: int, body: Any) -> tuple[int, dict[str, Any]]:
        loan, event, role = self.loans[number], body["event"], body.get("as")
        if self.mistake == "crash" and event == "return":
            return 500, {"detail": "list index out of range"}
        arrows = {"lend": ("reserved", "lent"), "renew": ("lent", "lent")}
        arrows |= {"return": ("lent", "returned"), "lose": ("lent", "lost")}
        if event not in arrows and event not in ("open", "renew"):
            return 409, {"code": "unknown-event", "detail": f"there is no {event}"}
        before, after = arrows.get(event, ("nowhere", ""))
        again = self.mistake == "arrow more" and (event, loan[-1]["after"]) == ("lend", "lent")
        if loan[-1]["after"] != before and not again:
            return 409, {"code": "not-enabled", "detail": f"{event} is not for {loan[-1]['after']}"}
        if role != "desk" and (event, role) != ("renew", "reader"):
            return 403, {"code": "not-permitted", "detail": "for the desk"}
        if (event, self.mistake) == ("renew", "arrow less"):
            return 409, {"code": "not-enabled", "detail": "nothing is renewed here"}
        if event == "lose" and "reason" not in body and self.mistake != "reason":
            return 422, {"code": "reason-needed", "detail": "say why"}
        if self.mistake != "memory" or event != "renew":
            loan.append({"event": event, "after": after, "actor": {"role": role}})
        return 201, {}


def library(mistake: str = "") -> Driver:
    client = httpx.Client(transport=httpx.WSGITransport(Library(mistake)), base_url="http://library")
    return GenericDriver(client, headers=lambda actor: {}, anybody="desk")


def test_a_service_of_somebody_else_that_is_right_agrees() -> None:
    driver = library()
    for walk in transitions(CHART):
        follow(driver, walk)
    run_state_machine_as_test(state_machine_for(CHART, driver), settings=settings(MANY, max_examples=12))


MISTAKES = {
    "arrow less": "the chart takes renew in lent to lent, the system refuses it: not-enabled",
    "arrow more": "the chart refuses lend in lent with not-enabled, the system takes it and shows lent",
    "reason": "the chart refuses lose in lent with reason-needed (reason-missing), the system takes it",
    "memory": "the order has taken 3 events, its history has 2 entries",
    "twice": " was sent again under its key 'key-",
}
"""What is said of each."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str) -> None:
    with pytest.raises(Disagreement) as found:
        run_state_machine_as_test(state_machine_for(CHART, library(mistake)), settings=MANY)
    assert MISTAKES[mistake].partition(" 3 ")[0] in str(found.value)


@pytest.mark.parametrize("mistake", ["arrow less", "memory"])
def test_what_is_told_is_the_smallest_life_that_shows_the_mistake(mistake: str) -> None:
    with pytest.raises(Disagreement, match=re.escape(MISTAKES[mistake])) as found:
        run_state_machine_as_test(
            state_machine_for(CHART, library(mistake)), settings=settings(MANY, phases=[Phase.generate, Phase.shrink])
        )
    assert re.findall(r"event: (\w+)", str(found.value)) == ["lend", "renew"]


@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name != "twice"])
def test_what_is_printed_shows_the_mistake_again(mistake: str) -> None:
    walk = Walk.of(CHART, [Send("open", actor="reader"), Send("lend", actor="desk")])
    event = {"reason": "lose", "arrow more": "lend"}.get(mistake, "renew")
    tried = Attempt.judged(walk, Send(event, actor="desk"))
    follow(library(), tried)
    with pytest.raises(Disagreement):
        follow(library(mistake), tried)


def test_a_failing_server_is_a_fault_and_no_refusal() -> None:
    driver = library("crash")
    with pytest.raises(BadAnswer) as found:
        run_state_machine_as_test(state_machine_for(CHART, driver), settings=MANY)
    assert str(found.value).startswith("POST http://library/orders/")
    assert "/events was answered 500:\n" in str(found.value)
    assert "list index out of range" in str(found.value)
    assert any("event: return" in note and "event: lend" in note for note in found.value.__notes__)


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        (("{from: reserved, to: lent", "{from: [reserved, lent], to: lent"), "lend in lent with not-enabled"),
        (("from: lent, to: lost", "from: reserved, to: lost"), "lose in lent to lost"),
    ],
    ids=["one more", "another source"],
)
def test_our_own_router_of_another_chart_is_found_out(change: tuple[str, str], failing: str, tmp_path: Any) -> None:
    """The suite of what is out of place finds what is taken too much, the suite of arrows what is not taken."""
    other = orderfsm.read(LOAN.replace(*change))
    database = engine(f"sqlite:///{tmp_path}/other.db")
    with within(generic_app(database, other)) as client, pytest.raises(Disagreement, match=failing):
        drive(GenericDriver(client, headers=lambda actor: {"X-Token": actor.role}, anybody="desk", time=CLOCK.set))
    database.dispose()


def drive(driver: Driver) -> None:
    for tried in (*transitions(CHART), *refusals(CHART)):
        follow(driver, tried)


# --- what is said


def answering(status: int, content: Any = None) -> httpx.Client:
    """A client of a service that always answers the same; a text as it is, anything else in JSON."""
    text = content if isinstance(content, str) else json.dumps(content)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        start(f"{status} said", [("Content-Type", "application/json")])
        return [text.encode()]

    return httpx.Client(transport=httpx.WSGITransport(app), base_url="http://here")


def driver(client: Any, **more: Any) -> GenericDriver:
    return GenericDriver(client, headers=lambda actor: {} if actor.role != "ghost" else None, **more)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 412, 422])
def test_a_status_of_four_hundred_is_a_refusal(status: int) -> None:
    with pytest.raises(Declined) as found:
        driver(answering(status, {"code": "strange", "detail": "not so"})).send("/orders/1", Send("lend"))
    assert (found.value.code, found.value.detail) == ("", f"{status} strange not so")


@pytest.mark.parametrize("status", [302, 408, 425, 429, 500, 502, 503])
def test_every_other_status_is_a_fault(status: int) -> None:
    with pytest.raises(BadAnswer, match=f"^POST /orders/1/events was answered {status}:\n"):
        driver(answering(status, {"detail": "no"})).send("/orders/1", Send("lend"))


def test_a_code_that_the_chart_knows_is_told_as_one() -> None:
    with pytest.raises(Declined) as found:
        driver(answering(409, {"code": "not-enabled", "detail": "too late"})).send("/orders/1", Send("lend"))
    assert (found.value.code, found.value.detail) == ("not-enabled", "too late")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "there is no revision in it"),
        ([], "there is no revision in it"),
        ({"revision": 1, "history": 7}, "no list"),
        ({"revision": None, "history": []}, "revision is no number"),
        ({"revision": 0, "history": [], "configuration": 7}, "configuration is no text"),
        ({"revision": 1, "history": [], "entries": [], "links": [{"rel": "next"}]}, "leads to the same page"),
    ],
)
def test_an_answer_without_what_the_api_says_is_a_fault(content: Any, said: str) -> None:
    with pytest.raises(BadAnswer, match=said):
        driver(answering(200, content)).look("/orders/1")


def test_what_is_no_number_or_text_where_the_api_has_one_is_a_fault() -> None:
    client = answering(200, {"order": "A-1", "status": None})
    shop = DreamJunctionDriver(client, headers=lambda actor: {})
    with pytest.raises(BadAnswer, match="order is no number"):
        shop.open(Send("open"))
    with pytest.raises(BadAnswer, match="status is no text"):
        shop.look(1)


def test_a_body_that_is_no_json_is_a_fault() -> None:
    with pytest.raises(BadAnswer, match="the body is no JSON:\n<html>"):
        driver(answering(200, "<html>")).look("/orders/1")


def test_an_order_that_is_not_there_is_shown_as_none() -> None:
    assert driver(answering(404)).look("/orders/1").configuration is None


def test_a_new_order_without_an_address_is_a_fault() -> None:
    with pytest.raises(BadAnswer, match="the header Location is missing"):
        driver(answering(201, {})).open(Send("open"))


def test_a_server_that_is_not_there_is_a_fault_that_says_what_was_asked() -> None:
    one = driver("http://127.0.0.1:9")
    with pytest.raises(httpx.ConnectError) as found:
        one.send("/orders/1", Send("lend", actor="desk"))
    one.end()
    assert found.value.__notes__ == ["asked was POST /orders/1/events, as desk"]


def test_headers_are_a_function() -> None:
    with pytest.raises(TypeError, match=r"headers is {'X-Token': 'a'}; give a function of the actor who asks"):
        GenericDriver(answering(200), headers={"X-Token": "a"})  # type: ignore[arg-type]


def test_whoever_has_no_headers_cannot_ask() -> None:
    with pytest.raises(Unsent, match=r"nobody asks as ghost: headers\(actor\) gives None"):
        driver(answering(200)).send("/orders/1", Send("lend", actor="ghost"))


def test_facts_need_a_function_that_puts_them_somewhere() -> None:
    send, told = Send("lend", facts={"order": {"fees": 0}}), []
    with pytest.raises(Unsent, match="guards of lend ask for order; give facts="):
        driver(answering(200)).arrange("/orders/1", send)
    driver(answering(200), facts=lambda order, send: told.append((order, send))).arrange("/orders/1", send)
    assert told == [("/orders/1", send)]


def test_a_clock_is_there_when_something_sets_it() -> None:
    moments: list[Any] = []
    without, with_one = driver(answering(200)), driver(answering(200), time=moments.append)
    with_one.at(CLOCK.now)
    assert (without.clock, with_one.clock, moments) == (False, True, [CLOCK.now])


# --- what an API has no request for


def prints(**more: Any) -> DreamJunctionDriver:
    return DreamJunctionDriver(answering(200, {"order": 1}), headers=lambda actor: {}, **more)


def test_what_a_subclass_has_to_write_is_said() -> None:
    one = HttpDriver(answering(200), headers=lambda actor: {})
    with pytest.raises(NotImplementedError, match=r"write begun\(self, send, key\) of HttpDriver"):
        one.open(Send("open"))
    with pytest.raises(NotImplementedError, match=r"write sent\(self, order, send, key\) of HttpDriver"):
        one.send(1, Send("cancel"))


def test_what_no_request_stands_for_is_not_sent_and_says_what_to_give() -> None:
    with pytest.raises(Unsent) as found:
        prints().send(1, Send("package"))
    assert str(found.value) == (
        "Dream Junction's API has no request that stands for package; "
        "give also={'package': a function of the order and the Send}"
    )


def test_another_way_is_taken_once_under_a_key() -> None:
    told: list[Any] = []
    one = prints(also={"package": lambda order, send: told.append((order, send.event))})
    for _ in range(2):
        one.send(1, Send("package"), key="k")
    one.send(1, Send("package"), key="l")
    one.send(1, Send("package"))
    assert told == [(1, "package")] * 3


@pytest.mark.parametrize(("first", "then"), [("package", "ship"), ("package", "cancel"), ("cancel", "package")])
def test_a_key_that_was_used_is_refused_where_another_way_is_in_play(first: str, then: str) -> None:
    told: list[str] = []
    one = prints(also=dict.fromkeys(("package", "ship"), lambda order, send: told.append(send.event)))
    one.send(1, Send(first), key="k")
    with pytest.raises(Declined, match="key-reused"):
        one.send(1, Send(then), key="k")
    assert then not in told


def test_another_way_opens_one_order_under_a_key() -> None:
    numbers = iter(range(9))
    one = prints(also={"open": lambda order, send: next(numbers)})
    assert [one.open(Send("open"), key=key) for key in ("a", "a", "b", None, None)] == [0, 0, 1, 2, 3]


def test_what_a_request_has_no_field_for_is_left_out_before_the_chart_judges() -> None:
    send = Send("cancel", actor="customer", reason="late", payload={"ship_method": "x"})
    assert prints().worded(1, send) == Send("cancel", actor="customer")
    other = prints(also={"cancel": lambda order, send: None})
    assert other.worded(1, send) == send


def test_a_stranger_asks_where_guards_are_to_find_one() -> None:
    def worded(send: Send, **more: Any) -> Send:
        ids = {"customer": "c1", "merchant": "m1", "record": "r1"}
        one = RecordStackOverflowDriver(answering(200), headers=lambda actor: {}, **ids, **more)
        return one.worded("1", send)

    send = Send("cancel", actor=Actor("customer", "x"), facts={"order": {"created_by": "y"}})
    with pytest.raises(Unsent, match="give other_customer="):
        worded(send)
    assert worded(send, other_customer="c2").actor == Actor("customer", "c2")
    assert worded(Send("update")).actor == Actor("merchant", "m1")


def test_lines_of_the_order_are_returned_in_place_of_drawn_ones() -> None:
    line = {"extLineItemNumber": 7, "offerId": "O", "quantity": 3}
    shown = {"orderId": "1", "lineItems": [{**line, "status": "1002"}]}
    one = AdobeDriver(answering(201, shown), headers=lambda actor: {}, customer="c1")
    order = one.open(Send("open", actor="partner"))
    drawn = {"extLineItemNumber": 0, "offerId": "", "quantity": 1}
    send = Send("return_lines", actor="partner", payload={"referenceOrderId": "", "lineItems": [drawn]})
    assert one.worded(order, send).payload == {"referenceOrderId": "1", "lineItems": [line]}
    broken = {"referenceOrderId": 1, "lineItems": [{**drawn, "quantity": 0}]}
    assert one.worded(order, Send("return_lines", payload=broken)).payload == broken
    one.send(order, one.worded(order, send))
    one.open(Send("open", actor="partner"), key="again")  # its answer names the order's lines once more
    with pytest.raises(Unsent, match="no lines left to return"):
        one.worded(order, send)


# --- what is loaded


def test_httpx_is_loaded_when_it_is_needed_and_missed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, orderfsm.testing.http_drivers; print('httpx' in sys.modules, 'fastapi' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False False\n"
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(ModuleNotFoundError, match=r'httpx is not installed; type: pip install "orderfsm\[testing\]"'):
        driver("http://127.0.0.1:9").look("/orders/1")
