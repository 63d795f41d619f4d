"""The pages: who sees and may do what, forms that are sent once and lose nothing, texts that stay texts."""

import csv
import io
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import UUID
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, event
from sqlmodel import Session

import kept
from kept import KINDS, PRESS, Kept, statements
from kept_databases import asked_for
from kept_html import Element, flaws, read
from kept_http import plain, serving
from orderfsm.chart import Category, Chart, Event, Kind, ReasonRule, Reasons, State, Transition
from orderfsm.chart import Field as PayloadField
from orderfsm.history import Actor, Link, Reason
from orderfsm.http import adobe, dream_junction, record_stack_overflow, stat
from orderfsm.http.failure import Rejected
from orderfsm.http.pages import router
from orderfsm.http.pages.paper import POLICY, asset
from orderfsm.http.pages.shown import line, told
from orderfsm.http.pages.spelled import spell, unspelled
from orderfsm.http.pages.stock import Stock
from orderfsm.http.shelf import Shelf
from orderfsm.http.tokens import Tokens
from orderfsm.lifecycle import Corrections, Lifecycle, Restated
from orderfsm.sqlmodel import SqlStore, engine

ROLES = {
    "demo-customer": ["stat/customer", "dream_junction/customer", "record_stack_overflow/customer"],
    "other-customer": ["stat/customer", "dream_junction/customer", "record_stack_overflow/customer"],
    "demo-provider": ["stat/provider", "dream_junction/provider"],
    "demo-merchant": ["record_stack_overflow/merchant"],
    "other-merchant": ["record_stack_overflow/merchant"],
    "both": ["stat/provider", "stat/customer"],
    "outsider": ["adobe/partner"],
}
ORDERS = {"stat/order": 5, "dream_junction/order": 4, "record_stack_overflow/order": 3}
HOSTILE = (
    "<script>alert(1)</script>",
    "\"' onmouseover='alert(1)\" x=",
    "</textarea><img src=x onerror=alert(1)>",
    "]]><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}&lt;b&gt;&#x3c;",
    "red \x1b[31mflag\x07",
    "abc\u202egpj.exe\u2066",
    "one\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
)


class Clock:
    """The time, set by hand."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@dataclass
class Shop:
    """A server with pages, and its tokens; each visitor has a browser of his own."""

    url: str
    sessions: Callable[[], Session]
    tokens: Tokens
    clock: Clock
    secrets: dict[str, str] = field(default_factory=dict)
    clients: list[httpx.Client] = field(default_factory=list)

    def stranger(self) -> httpx.Client:
        """A browser that nobody has signed in with."""
        self.clients.append(plain(base_url=self.url))
        return self.clients[-1]

    def enter(self, who: str) -> httpx.Client:
        """A browser that somebody has signed in with."""
        http = self.stranger()
        answer = sign_in(http, self.secret(who))
        assert answer.status_code == 303, answer.text
        return http

    def secret(self, who: str) -> str:
        if who not in self.secrets:
            self.secrets[who] = self.tokens.add(who, ROLES.get(who, ["test/printer"]))
        return self.secrets[who]


def sign_in(http: httpx.Client, secret: str, **more: str) -> httpx.Response:
    form = read(http.get("/sign-in").text).one("form")
    return http.post("/sign-in", data=form.fields() | {"token": secret} | more)


def opened(folder: Any, shelves: list[Shelf], database: Engine, **options: Any) -> Iterator[Shop]:
    clock, tokens, sessions = Clock(), Tokens(folder / "tokens"), partial(Session, database)
    app = FastAPI()
    app.include_router(router(shelves=shelves, sessions=sessions, tokens=tokens, clock=clock, **options))
    with serving(app) as url:
        shop = Shop(url, sessions, tokens, clock)
        yield shop
        for http in shop.clients:
            http.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The orders of three vocabularies, with demonstration orders; tests that share it do not move them."""
    folder = tmp_path_factory.mktemp("pages")
    database = engine(f"sqlite:///{folder}/pages.db", durability="relaxed")
    for module in (stat, dream_junction, record_stack_overflow):
        module.create(database)
        module.demo(partial(Session, database))
    shelves = [stat.shelf(), dream_junction.shelf(), record_stack_overflow.shelf()]
    yield from opened(folder, shelves, database)
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Shop]:
    """Orders of imagery that a test may move."""
    with asked_for(request, tmp_path, stat.create) as database:
        stat.demo(partial(Session, database))
        yield from opened(tmp_path, [stat.shelf()], database)


# --- own tables and charts


HARSH = Chart(
    "test/harsh",
    (
        State("new", category=Category.OPEN, description=HOSTILE[0], code="<b>new</b>"),
        State("done", Kind.FINAL, category=Category.DONE),
    ),
    (
        Transition("new", ("note",), ("new",)),
        Transition("new", ("explain",), ("new",), reason=ReasonRule("required", ("late", "lost"))),
        Transition("new", ("hush",), ("new",), reason=ReasonRule("forbidden")),
        Transition("new", ("finish",), ("done",), links=("tracking",)),
        Transition("new", ("audit",), ("done",), by=("auditor",)),
    ),
    initial=("new",),
    title=f"Harsh {HOSTILE[0]}",
    events=(
        Event("note", title=HOSTILE[2], description=HOSTILE[1]),
        Event("finish", payload=(PayloadField("weight", "number", description=HOSTILE[3]),)),
    ),
    reasons=Reasons({"late": HOSTILE[4], "lost": ""}, open=True),
    actors={"printer": "Prints.", "auditor": "Looks."},
    hash="ba5e" * 16,
)


def stocked(kind: Kept, chart: Chart) -> Lifecycle:
    guards = {"refundable": lambda facts: True} if chart is PRESS else {}
    corrections = Corrections(void=("printer",), supersede=("printer",), override=("printer",))
    return Lifecycle(
        chart, SqlStore(kind.order, kind.history, **kind.companions), guards=guards, corrections=corrections
    )


def noted(kind: Kept) -> Any:
    return kind.order.reference if kind.name == "ready-made" else kind.order.note


def shelf_of(kind: Kept, chart: Chart = PRESS) -> Shelf:
    """Whoever prints sees all orders; what is noted on an order is its title."""
    named = "reference" if kind.name == "ready-made" else "note"
    return Shelf(
        "test", stocked(kind, chart), lambda who: noted(kind) == noted(kind), lambda o: getattr(o, named) or ""
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def own(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[tuple[Shop, Engine]]:
    """Tables with keys of every kind, each under a shelf of its own."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    with kept.database(request.param, url, tmp_path) as database:
        shelves = [Shelf(**{**shelf_dict(kind), "label": kind.name}) for kind in KINDS]
        for made in opened(tmp_path, shelves, database):
            yield made, database


def shelf_dict(kind: Kept) -> dict[str, Any]:
    found = shelf_of(kind)
    return {name: getattr(found, name) for name in ("vocabulary", "lifecycle", "visible", "title")}


@pytest.fixture
def harsh(tmp_path: Any) -> Iterator[tuple[Shop, Lifecycle]]:
    """A chart whose every text is an attempt."""
    kind = KINDS[2]
    with kept.database("sqlite", "", tmp_path) as database:
        found = shelf_of(kind, HARSH)
        for made in opened(tmp_path, [found], database):
            yield made, found.lifecycle


# --- reading pages


def page(http: httpx.Client, path: str, **more: Any) -> Element:
    answer = http.get(path, **more)
    assert answer.status_code == 200, answer.text
    return sound(answer)


def sound(answer: httpx.Response) -> Element:
    """The tree of a page, which has nothing wrong with it and lets nothing in."""
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    found = read(answer.text)
    assert flaws(found) == []
    return found


def form_of(tree: Element, name: str) -> Element:
    (found,) = [
        each for each in tree.all("form", class_="event") if each.one("input", name="event").attributes["value"] == name
    ]
    return found


def send(http: httpx.Client, path: str, name: str, **typed: str) -> httpx.Response:
    form = form_of(page(http, path), name)
    return http.post(form.attributes["action"], data=form.fields() | typed)


def state(http: httpx.Client, path: str) -> str:
    return page(http, path).one("p", class_="state").one("span", class_="code").text


# --- signing in and out


def test_nobody_sees_anything_without_signing_in(shop: Shop) -> None:
    http = shop.stranger()
    for path in ("/", "/orders/stat/order", "/orders/stat/order/1", "/orders/stat/order/1/history.csv"):
        answer = http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}")
        assert answer.content == b""


def test_the_way_leads_on_to_the_page_that_was_wanted(shop: Shop) -> None:
    http = shop.stranger()
    asked = http.get(http.get("/orders/stat/order/2").headers["location"])
    form = sound(asked).one("form")
    answer = http.post("/sign-in", data=form.fields() | {"token": shop.secret("demo-provider")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders/stat/order/2")
    assert page(http, "/orders/stat/order/2").one("h1").text == "2 (optical)"


@pytest.mark.parametrize(
    "next",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/orders//evil",
        "/x\r\nLocation: y",
        "/sign-out",
        "",
    ],
)
def test_signing_in_leads_nowhere_else(shop: Shop, next: str) -> None:
    assert sign_in(shop.stranger(), shop.secret("demo-provider"), next=next).headers["location"] == "/"
    asked = read(shop.stranger().get("/sign-in", params={"next": next}).text)
    assert asked.one("input", name="next").attributes["value"] == "/"


def test_the_cookie_is_for_this_site_and_for_no_script(shop: Shop) -> None:
    answer = sign_in(shop.stranger(), shop.secret("demo-provider"))
    (cookie,) = answer.headers.get_list("set-cookie")
    name, *rest = cookie.split("; ")
    assert re.fullmatch(r"orderfsm=[A-Za-z0-9_-]{43}", name)
    assert set(rest) == {"HttpOnly", "Path=/", "SameSite=strict"}


def test_by_https_the_cookie_is_secure_and_bound_to_the_host(tmp_path: Any) -> None:
    database = engine(f"sqlite:///{tmp_path}/x.db")
    stat.create(database)
    for shop in opened(tmp_path, [stat.shelf()], database, secure="always"):
        (cookie,) = shop.stranger().get("/sign-in").headers.get_list("set-cookie")
        assert cookie.startswith("__Host-orderfsm=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} == set(cookie.split("; ")[1:])
    database.dispose()


def test_a_wrong_token_is_told_nothing_but_that(shop: Shop) -> None:
    answers = [sign_in(shop.stranger(), wrong) for wrong in ("x", "", "a" * 2000, "é", shop.secret("both")[:-1])]
    assert {answer.status_code for answer in answers} == {403}
    said = {re.sub(r'name="seal" value="\w+"', "", answer.text) for answer in answers}
    assert len(said) == 1
    assert "value" not in sound(answers[0]).one("input", id="token").attributes
    assert all("set-cookie" not in answer.headers for answer in answers)


def test_signing_in_makes_a_new_id_and_ends_the_old_visit(shop: Shop) -> None:
    http = shop.stranger()
    http.get("/sign-in")
    planted = http.cookies["orderfsm"]
    assert sign_in(http, shop.secret("both")).status_code == 303
    first = http.cookies["orderfsm"]
    assert first != planted
    for stale in (planted, "A" * 43, "", "x" * 5000):
        stranger = shop.stranger()
        answer = stranger.get("/", headers={"Cookie": f"orderfsm={stale}"})
        assert answer.status_code == 303
    form = read(http.get("/").text).one("form", class_="leave")
    answer = http.post("/sign-in", data={**form.fields(), "token": shop.secret("both")})
    assert answer.status_code == 303
    assert http.cookies["orderfsm"] != first
    assert shop.stranger().get("/", headers={"Cookie": f"orderfsm={first}"}).status_code == 303


def test_who_is_signed_in_is_not_asked_again(shop: Shop) -> None:
    assert shop.enter("both").get("/sign-in").headers["location"] == "/"


def test_signing_out_ends_the_visit_for_everybody_who_has_the_cookie(shop: Shop) -> None:
    http = shop.enter("both")
    cookie = http.cookies["orderfsm"]
    form = page(http, "/").one("form", class_="leave")
    answer = http.post("/sign-out", data=form.fields())
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "orderfsm" not in http.cookies
    assert shop.stranger().get("/", headers={"Cookie": f"orderfsm={cookie}"}).status_code == 303


@pytest.mark.parametrize("after", [timedelta(hours=2, seconds=1), timedelta(days=400)])
def test_a_visit_ends_when_nothing_is_asked(fresh: Shop, after: timedelta) -> None:
    http = fresh.enter("both")
    assert http.get("/").status_code == 200
    fresh.clock.time += after
    assert http.get("/").status_code == 303
    fresh.clock.time -= after
    assert http.get("/").status_code == 303


def test_a_visit_does_not_last_for_ever(shop: Shop) -> None:
    http, began = shop.enter("both"), shop.clock.time
    for hour in range(12):
        shop.clock.time = began + timedelta(hours=hour)
        assert http.get("/").status_code == 200
    shop.clock.time = began + timedelta(hours=12, seconds=1)
    assert http.get("/").status_code == 303
    shop.clock.time = began


def test_a_visit_ends_with_the_line_of_its_token(shop: Shop) -> None:
    secret = shop.tokens.add("short", ["stat/provider"])
    http = shop.stranger()
    assert sign_in(http, secret).status_code == 303
    assert http.get("/orders/stat/order/1").status_code == 200
    shop.tokens.remove("short")
    assert http.get("/orders/stat/order/1").status_code == 303
    assert sign_in(shop.stranger(), secret).status_code == 403


def test_one_token_has_so_many_visits_at_once(shop: Shop) -> None:
    secret = shop.tokens.add("crowd", ["stat/provider"])
    first = shop.stranger()
    sign_in(first, secret)
    another = shop.enter("both")
    http = shop.stranger()
    for _ in range(32):
        http.cookies.clear()
        assert sign_in(http, secret).status_code == 303
    assert first.get("/").status_code == 303
    assert another.get("/").status_code == http.get("/").status_code == 200


# --- forms of others


@pytest.mark.parametrize("seal", ["", "0" * 64, "é", None])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/orders/stat/order/1/events"])
def test_a_form_without_its_seal_does_nothing(shop: Shop, path: str, seal: str | None) -> None:
    http = shop.enter("demo-provider")
    fields = form_of(page(http, "/orders/stat/order/1"), "accept").fields() | {"token": shop.secret("both")}
    del fields["seal"]
    answer = http.post(path, data=fields | ({} if seal is None else {"seal": seal}))
    assert answer.status_code == 403
    assert sound(answer).one("h1").text == "Not allowed"
    assert state(http, "/orders/stat/order/1") == "received"


def test_a_form_of_another_visit_does_nothing(shop: Shop) -> None:
    http, other = shop.enter("demo-provider"), shop.enter("demo-provider")
    form = form_of(page(other, "/orders/stat/order/1"), "accept")
    assert http.post(form.attributes["action"], data=form.fields()).status_code == 403


def test_a_form_that_another_site_sends_does_nothing(shop: Shop) -> None:
    http = shop.enter("demo-provider")
    form = form_of(page(http, "/orders/stat/order/1"), "accept")
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site}
        assert http.post(form.attributes["action"], data=form.fields(), headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"seal": 1}', "application/json", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
        (b"seal=%ff", "application/x-www-form-urlencoded", 400),
        (b"seal=\xff", "application/x-www-form-urlencoded", 400),
        (b"seal=%00", "application/x-www-form-urlencoded", 400),
        (b"seal=%ED%A0%80", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=%d" % n for n in range(200)), "application/x-www-form-urlencoded", 400),
        (b"seal=" + b"a" * 1_100_000, "application/x-www-form-urlencoded", 413),
        (b"seal=" + b"a" * 300, "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_that_is_no_form_of_ours_is_refused(shop: Shop, body: bytes, kind: str, status: int) -> None:
    http = shop.enter("demo-provider")
    for path in ("/sign-in", "/sign-out", "/orders/stat/order/1/events"):
        answer = http.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == status, (path, answer.text)
        sound(answer)


# --- who sees what


def sees(who: str, shelf: str) -> bool:
    """All demonstration orders are those of demo-customer, and of demo-merchant where there are merchants."""
    if shelf == "record_stack_overflow/order":
        return who in ("demo-customer", "demo-merchant")
    return who == "demo-customer" or f"{shelf.partition('/')[0]}/provider" in ROLES[who]


def keys(shop: Shop, shelf: str) -> list[str]:
    http = shop.enter("demo-customer")
    links = [each.attributes["href"] for each in page(http, f"/orders/{shelf}").one("tbody").all("a")]
    return [link.rpartition("/")[2] for link in links]


ABSENT = {"stat/order": "999", "dream_junction/order": "999", "record_stack_overflow/order": "f" * 24}


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("shelf", ORDERS)
def test_who_sees_an_order_and_for_whom_it_is_absent(shop: Shop, who: str, shelf: str) -> None:
    http, found = shop.enter(who), keys(shop, shelf)
    assert len(found) == ORDERS[shelf]
    mine = http.get("/").text
    for key in found:
        answers = everything(http, who, shelf, key)
        if sees(who, shelf):
            assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
            assert answers[3].status_code in (409, 422)
            assert f"/orders/{shelf}/{key}" in mine
        else:
            assert told_of(answers) == told_of(everything(http, who, shelf, ABSENT[shelf]))
            assert {answer.status_code for answer in answers} == {404}
            assert f"/orders/{shelf}/{key}" not in mine


def everything(http: httpx.Client, who: str, shelf: str, key: str) -> list[httpx.Response]:
    """The answers of each endpoint of an order."""
    seal = read(http.get("/").text).one("form", class_="leave").fields()["seal"]
    role = next((role.partition("/")[2] for role in ROLES[who] if role.startswith(shelf.partition("/")[0])), "customer")
    base = f"/orders/{shelf}/{key}"
    fields = {"seal": seal, "event": "no_such_event", "revision": "1", "key": "k", "as": role}
    answers = [http.get(base + path) for path in ("", "/diagram.svg", "/history.csv")]
    return [*answers, http.post(f"{base}/events", data=fields)]


def told_of(answers: list[httpx.Response]) -> list[Any]:
    """Every byte of the answers but the date."""
    return [
        (answer.status_code, sorted((n, v) for n, v in answer.headers.items() if n != "date"), answer.content)
        for answer in answers
    ]


@pytest.mark.parametrize("who", ROLES)
def test_a_list_has_the_orders_that_somebody_sees(shop: Shop, who: str) -> None:
    http = shop.enter(who)
    for shelf, number in ORDERS.items():
        answer = http.get(f"/orders/{shelf}")
        if shelf.partition("/")[0] not in {role.partition("/")[0] for role in ROLES[who]}:
            assert answer.status_code == 404
        else:
            expected, tree = number if sees(who, shelf) else 0, sound(answer)
            assert len([row for row in tree.all("tr") if row.all("td")]) == expected
            counts = [int(each.text) for each in tree.one("ul", class_="states").all("span", class_="count")]
            assert counts[0] == sum(counts[1:]) == expected


@pytest.mark.parametrize("who", ROLES)
def test_the_board_counts_the_orders_that_somebody_sees(shop: Shop, who: str) -> None:
    tree = page(shop.enter(who), "/")
    counted = {
        panel.one("div").one("a").attributes["href"]: count_of(panel) for panel in tree.all("section", class_="panel")
    }
    assert counted == {f"/orders/{shelf}": number for shelf, number in ORDERS.items() if sees(who, shelf)}


def count_of(panel: Element) -> int:
    """How many orders the columns of a panel count."""
    return sum(int(each.text.split()[0]) for each in panel.all("span", class_="count"))


def test_a_shelf_without_a_role_looks_like_one_that_is_not_there(shop: Shop) -> None:
    http = shop.enter("demo-merchant")
    assert told_of([http.get("/orders/stat/order")]) == told_of([http.get("/orders/none/order")])
    assert told_of([http.get("/orders/stat/order/1")]) == told_of([http.get("/orders/none/order/1")])


def test_a_role_is_chosen_among_ones_own(shop: Shop) -> None:
    http = shop.enter("both")
    roles = {"provider", "customer"}
    found = {role: page(http, f"/orders/stat/order/1?as={role}") for role in roles}
    assert found["customer"].all("form", class_="event") == []
    assert form_of(found["provider"], "accept").fields()["as"] == "provider"
    assert "Only for provider." in found["customer"].text
    assert page(http, "/orders/stat/order/1?as=admin").text == page(http, "/orders/stat/order/1").text
    fields = form_of(found["provider"], "accept").fields() | {"as": "admin"}
    assert http.post("/orders/stat/order/1/events", data=fields).status_code == 403


def test_a_form_that_names_a_role_of_others_is_not_sent_in_ones_own(shop: Shop) -> None:
    http = shop.enter("demo-provider")
    fields = form_of(page(http, "/orders/stat/order/1"), "accept").fields() | {"as": "customer"}
    answer = http.post("/orders/stat/order/1/events", data=fields)
    assert answer.status_code == 403
    assert "You do not have the role" in sound(answer).text
    assert state(http, "/orders/stat/order/1") == "received"


def test_the_role_is_kept_after_sending(fresh: Shop) -> None:
    http = fresh.enter("both")
    answer = send(http, "/orders/stat/order/1?as=provider", "accept")
    assert answer.headers["location"] == "/orders/stat/order/1?sent=2&as=provider"


# --- the board


def test_the_board_has_a_column_for_each_code_in_the_order_of_the_chart(shop: Shop) -> None:
    tree = page(shop.enter("demo-provider"), "/")
    first = tree.all("section", class_="panel")[0]
    columns = first.all("li", class_="column")
    assert [column.one("span", class_="code").text for column in columns] == [
        *("received", "reserved", "accepted", "scheduled", "tasked", "processing", "held"),
        *("rejected", "completed", "canceled"),
    ]
    counts = [column.one("span", class_="count").text for column in columns]
    assert counts == [f"{n} order{'s' if n != 1 else ''}" for n in (1, 0, 1, 0, 0, 0, 1, 1, 1, 0)]


def test_a_category_is_told_by_colour_shape_and_word(shop: Shop) -> None:
    tree = page(shop.enter("demo-provider"), "/")
    shapes: dict[str, set[str]] = {}
    for column in tree.all("li", class_="column"):
        (colour,) = [kind for kind in column.attributes["class"].split() if kind.startswith("is-")]
        word = column.one("p", class_="category").text.partition(":")[0]
        assert colour == f"is-{word}"
        drawing = column.one("svg")
        shapes.setdefault(word, set()).add(str([(each.tag, each.attributes) for each in drawing]))
    assert set(shapes) == {"open", "waiting", "suspended", "failed", "done", "cancelled"}
    assert all(len(each) == 1 for each in shapes.values())
    assert len(set.union(*shapes.values())) == len(shapes)


def test_a_code_is_explained_where_it_stands_for_one_state() -> None:
    names = {shelf.name: Stock(shelf).names for shelf in (adobe.shelf(), stat.shelf())}
    assert names["adobe/order"]["1020"] == "Failed, distributor inactive"
    assert names["stat/order"] == {}


def test_an_order_says_which_of_the_states_of_its_code_it_is_in(shop: Shop) -> None:
    tree = page(shop.enter("demo-provider"), "/orders/stat/order/3")
    assert tree.one("p", class_="state").text.endswith("Held after acceptance")


def test_orders_are_found_by_title_and_by_id(shop: Shop) -> None:
    http = shop.enter("demo-provider")
    found = page(http, "/", params={"q": "DEMO-2"})
    assert [each.text for each in found.all("bdi") if each.parent.tag == "a"] == ["3 (purchase order demo-2)"]
    assert "1 of your orders has" in found.text
    assert "Nothing was found." in page(http, "/", params={"q": "<script>"}).text
    (key, *_) = keys(shop, "record_stack_overflow/order")
    assert key in page(shop.enter("demo-merchant"), "/", params={"q": key}).text
    other = page(shop.enter("other-merchant"), "/", params={"q": key})
    assert other.all("li", class_="column") == []


def test_a_state_with_many_orders_is_paged(own: tuple[Shop, Engine]) -> None:
    shop, database = own
    for kind in KINDS:
        orders = stocked(kind, PRESS)
        with Session(database) as session:
            for number in range(111):
                order = kind.new()
                setattr(order, "reference" if kind.name == "ready-made" else "note", f"no. {number}")
                orders.open(session, order)
            session.commit()
    http = shop.enter("press")
    board = page(http, "/")
    assert [len(panel.all("ul", class_="cards")[0].all("li")) for panel in board.all("section", class_="panel")] == [
        6
    ] * 4
    for kind in KINDS:
        seen: list[str] = []
        path = f"/orders/{kind.name}?state=received"
        while path:
            tree = page(http, path)
            seen += [each.attributes["href"] for each in tree.one("tbody").all("a")]
            path = next((each.attributes["href"] for each in tree.all("a", rel="next")), "")
        assert len(seen) == len(set(seen)) == 111
        assert http.get(seen[0]).status_code == http.get(seen[-1]).status_code == 200


def test_the_board_asks_as_often_as_it_has_columns_with_orders(own: tuple[Shop, Engine]) -> None:
    shop, database = own
    orders = stocked(KINDS[0], PRESS)
    with Session(database) as session:
        for _ in range(40):
            orders.open(session, kept.Order(reference="here"))
        session.commit()
    http = shop.enter("press")
    with statements(database) as sent:
        http.get("/")
    asked = [
        each for each in sent if (each.lstrip().startswith("SELECT") and "orders" in each.lower()) or "test_" in each
    ]
    assert len(asked) == len(KINDS) + 1


def test_orders_that_are_in_no_state_of_the_chart_are_shown_apart(own: tuple[Shop, Engine]) -> None:
    shop, database = own
    with Session(database) as session:
        session.add(kept.Parcel(number="P-0", note="not opened"))
        session.commit()
    http = shop.enter("press")
    (column,) = [each for each in page(http, "/").all("li", class_="column") if each.all("ul", class_="cards")]
    assert column.one("h3").text == "elsewhere 1 order"
    tree = page(http, "/orders/text/P-0")
    assert "The order has not been opened yet." in tree.text
    assert page(http, "/orders/text?state=").one("tbody").one("a").text == "not opened"
    assert http.get("/orders/text/P-0/diagram.svg").status_code == 200
    assert http.get("/orders/text/P-0/history.csv").text.count("\n") == 1


# --- keys


ODD = ("a/b", "..", ".", "", "~", "a~b", "%2F", "ä?#&", "a b", "x\u202ey", "\\", "-", "e" * 200, ".e", "<b>", "'\"")


@pytest.mark.parametrize("key", ODD)
def test_any_text_is_a_key_in_a_url(key: str) -> None:
    segment = spell([key])
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", segment)
    assert segment not in (".", "..")
    assert unspelled(segment) == [key]
    assert unspelled(spell([key, 7, key])) == [key, "7", key]


@pytest.mark.parametrize(
    "segment", ["", ".", "..", ".2", ".2F", ".zz", ".61", "a~", "~", ".ff", ".e.e", "a/b", "ä", ".c3"]
)
def test_a_key_has_one_spelling(segment: str) -> None:
    with pytest.raises(Rejected):
        unspelled(segment)


def test_orders_with_odd_keys_have_pages(own: tuple[Shop, Engine]) -> None:
    shop, database = own
    parcels, lines = stocked(KINDS[2], PRESS), stocked(KINDS[3], PRESS)
    odd = list(ODD)
    with Session(database) as session:
        for key in odd:
            parcels.open(session, kept.Parcel(number=key, note=f"parcel {key}"))
            lines.open(session, kept.Line(tenant=key, number=-7, note=f"line {key}"))
        session.commit()
    http = shop.enter("press")
    for name in ("text", "composite"):
        links = [each.attributes["href"] for each in page(http, f"/orders/{name}").one("tbody").all("a")]
        assert len(links) == len(odd)
        for link in links:
            answer = http.post(f"{link}/events", data=form_of(page(http, link), "accept").fields())
            assert answer.headers["location"] == f"{link}?sent=2"
            assert "Recorded: accept" in page(http, answer.headers["location"]).text


@pytest.mark.parametrize(
    "path",
    [
        *("ready-made/x", "ready-made/01", "ready-made/9223372036854775808", "ready-made/1~2", "ready-made/-0"),
        *("uuid/1", "uuid/{upper}", "text/P-1~x", "composite/north", "composite/north~x", "composite/north~1~2"),
        *("text/" + "a" * 5000, "none/1", "text/.2f", "text/P-1/", "text/P-1/x"),
    ],
)
def test_what_spells_no_key_is_absent(own: tuple[Shop, Engine], path: str) -> None:
    http = own[0].enter("press")
    answer = http.get(f"/orders/{path}".replace("{upper}", str(UUID(int=10)).upper()))
    assert answer.status_code == 404
    assert sound(answer).one("h1").text == "There is no such page"


# --- sending


def test_an_event_is_sent_and_told_of(fresh: Shop) -> None:
    http = fresh.enter("demo-provider")
    answer = send(
        http,
        "/orders/stat/order/1",
        "accept",
        reason_code="late",
        reason_text="As agreed.\nBy phone.",
        link_rel="delivered-asset",
        link_href="https://catalog.example/2",
        link_title="Two",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders/stat/order/1?sent=2")
    tree = page(http, answer.headers["location"])
    assert (
        tree.one("div", role="status").text == "Recorded: Accept the order Entry 2 was written; it leads to accepted."
    )
    row = tree.one("tr", id="entry-2")
    assert row.one("p", class_="text").raw == "As agreed.\nBy phone."
    assert row.one("a").attributes == {"href": "https://catalog.example/2", "rel": "noopener noreferrer nofollow"}
    assert {"late", "provider", "demo-provider", "Two"} <= set(row.text.split())
    assert len(row.all("time")) == 2
    with fresh.sessions() as session:
        entry = stat.lifecycle("stat/order").history(session, session.get_one(stat.ImageryOrder, 1))[-1]
    assert entry.reason == Reason("late", "As agreed.\nBy phone.")
    assert entry.links == (Link("delivered-asset", "https://catalog.example/2", title="Two"),)
    assert (entry.actor, entry.origin) == (Actor("provider", "demo-provider"), "page")


def test_a_double_click_sends_once(fresh: Shop) -> None:
    http = fresh.enter("demo-provider")
    form = form_of(page(http, "/orders/stat/order/2"), "process")
    cookie = {"Cookie": f"orderfsm={http.cookies['orderfsm']}"}
    answers: list[httpx.Response] = []

    def click() -> None:
        with plain(base_url=fresh.url, headers=cookie) as one:
            answers.append(one.post(form.attributes["action"], data=form.fields()))

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(a.status_code, a.headers.get("location")) for a in answers} == {(303, "/orders/stat/order/2?sent=3")}
    assert len(page(http, "/orders/stat/order/2").one("table", class_="history").all("tr")) == 4


def test_the_same_form_of_another_visitor_is_another_one(fresh: Shop) -> None:
    one, other = fresh.enter("demo-provider"), fresh.enter("both")
    fields = form_of(page(one, "/orders/stat/order/2"), "process").fields()
    assert one.post("/orders/stat/order/2/events", data=fields).status_code == 303
    theirs = form_of(page(other, "/orders/stat/order/2?as=provider"), "process").fields() | {"key": fields["key"]}
    assert "sent=4" in other.post("/orders/stat/order/2/events", data=theirs).headers["location"]


def test_a_form_that_was_sent_and_changed_is_told_so(fresh: Shop) -> None:
    http = fresh.enter("demo-provider")
    fields = form_of(page(http, "/orders/stat/order/2"), "process").fields()
    assert http.post("/orders/stat/order/2/events", data=fields).status_code == 303
    answer = http.post("/orders/stat/order/2/events", data=fields | {"reason_text": "another"})
    tree = sound(answer)
    assert answer.status_code == 422
    assert tree.one("div", role="alert").one("h2").text.startswith("Not sent: this form was sent before")
    again = form_of(tree, "process").fields()
    assert again["reason_text"] == "another"
    assert again["key"] != fields["key"]


def test_a_stale_page_is_told_so_and_what_was_typed_is_kept(fresh: Shop) -> None:
    http, other = fresh.enter("demo-provider"), fresh.enter("both")
    form = form_of(page(http, "/orders/stat/order/1"), "reject")
    assert send(other, "/orders/stat/order/1?as=provider", "require_customer_action").status_code == 303
    typed = {"reason_code": "invalid_geometry", "reason_text": "Line one\nline two", "link_rel": "a", "link_href": "/b"}
    answer = http.post(form.attributes["action"], data=form.fields() | typed)
    tree = sound(answer)
    assert answer.status_code == 409
    assert tree.one("title").text.startswith("Not sent: the order has moved on")
    assert state(http, "/orders/stat/order/1") == "reserved"
    again = form_of(tree, "reject").fields()
    assert {name: again[name] for name in typed} == typed
    assert "open" in form_of(tree, "reject").one("details").attributes
    assert http.post(form.attributes["action"], data=again).headers["location"] == "/orders/stat/order/1?sent=3"
    assert state(http, "/orders/stat/order/1") == "rejected"


def test_what_was_typed_is_shown_where_the_event_is_not_possible_any_more(fresh: Shop) -> None:
    http, other = fresh.enter("demo-provider"), fresh.enter("both")
    form = form_of(page(http, "/orders/stat/order/1"), "require_customer_action")
    assert send(other, "/orders/stat/order/1?as=provider", "reject").status_code == 303
    answer = http.post(form.attributes["action"], data=form.fields() | {"reason_text": "Two\nlines </textarea>"})
    assert answer.status_code == 409
    notice = sound(answer).one("div", role="alert")
    assert notice.one("textarea").raw == "\nTwo\nlines </textarea>"


def test_a_refused_event_says_why(shop: Shop) -> None:
    http = shop.enter("demo-provider")
    for name, said in (("resume", "is not enabled"), ("no_such", "The chart has no such event")):
        fields = form_of(page(http, "/orders/stat/order/1"), "accept").fields() | {"event": name}
        answer = http.post("/orders/stat/order/1/events", data=fields)
        assert answer.status_code in (409, 422)
        assert said in sound(answer).one("div", role="alert").text
    assert state(http, "/orders/stat/order/1") == "received"


def test_a_refusal_for_the_role_says_so(shop: Shop) -> None:
    http = shop.enter("demo-customer")
    seal = page(http, "/").one("form", class_="leave").fields()["seal"]
    fields = {"seal": seal, "event": "accept", "as": "customer", "revision": "1", "key": "k"}
    answer = http.post("/orders/stat/order/1/events", data=fields)
    assert answer.status_code == 403
    assert "accept is for provider" in sound(answer).one("div", role="alert").text.casefold()


def test_why_not_is_told_in_sentences(shop: Shop) -> None:
    tree = page(shop.enter("demo-provider"), "/orders/stat/order/1")
    rows = {
        row.one("code").text: row.one("td").text
        for row in tree.one("details", class_="denials").all("tr")
        if row.all("td")
    }
    assert rows["complete"] == "Not from here. First: accept."
    assert rows["resume"] == "Not from here. First: hold."
    tree = page(shop.enter("demo-customer"), "/orders/stat/order/1")
    assert tree.all("form", class_="event") == []
    assert "Nothing that is for you as customer." in tree.text
    assert "Only for provider." in tree.one("details", class_="denials").text
    ended = page(shop.enter("demo-provider"), "/orders/stat/order/5")
    assert "The order has come to its end; nothing follows." in ended.text
    assert ended.all("details", class_="denials") == []


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"payload": "{"}, "payload"),
        ({"payload": "[1]"}, "payload"),
        ({"payload": '{"a": NaN}'}, "payload"),
        ({"payload": '{"a": 1, "a": 2}'}, "payload"),
        ({"payload": '{"a": ' + "9" * 30 + "}"}, "payload"),
        ({"payload": "[" * 90_000}, "payload"),
        ({"link_href": "javascript:alert(1)", "link_rel": "x"}, "links"),
        ({"link_href": "https://u:p@evil.example", "link_rel": "x"}, "links"),
        ({"link_href": "https://x.example", "link_rel": ""}, "links"),
    ],
)
def test_a_field_that_cannot_be_read_is_named_and_kept(
    harsh: tuple[Shop, Lifecycle], typed: dict[str, str], field: str
) -> None:
    shop, orders = harsh
    path = parcel(shop, orders, "x")
    http = shop.enter("press")
    form = form_of(page(http, path), "finish")
    fields = form.fields() | {"link_href": "/ok"}
    if field == "payload":
        answer = http.post(f"{path}/events", data=fields | typed)
    else:
        pairs = [(name, value) for name, value in fields.items() if not name.startswith("link_")]
        pairs += [("link_rel", "tracking"), ("link_href", "/ok"), ("link_title", "")]
        pairs += [("link_rel", typed["link_rel"]), ("link_href", typed["link_href"]), ("link_title", "")]
        answer = http.post(f"{path}/events", content=str(httpx.QueryParams(pairs)), headers=URLENCODED)
    assert answer.status_code == 422
    found = form_of(sound(answer), "finish")
    bad = [each for each in found if each.attributes.get("aria-invalid") == "true"]
    assert bad
    if field == "payload":
        assert next(each for each in bad if each.tag == "textarea").raw == f"\n{typed['payload']}"
    with shop.sessions() as session:
        assert len(orders.history(session, session.get_one(kept.Parcel, "x"))) == 1


URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


def parcel(shop: Shop, orders: Lifecycle, key: str, note: str = "note") -> str:
    """The path of a new parcel."""
    with shop.sessions() as session:
        orders.open(session, kept.Parcel(number=key, note=note))
        session.commit()
    return f"/orders/test/harsh/{spell([key])}"


@pytest.mark.parametrize(
    "change",
    [
        *({"revision": "x"}, {"revision": "-1"}, {"revision": ""}, {"revision": "9" * 30}, {"revision": "\u0663"}),
        *({"key": ""}, {"key": "k" * 300}, {"event": ""}, {"event": "e" * 300}, {"as": "r" * 300}),
        *({"reason_text": "t" * 20_000}, {"link_rel": ["a", "b"]}, {"payload": "p" * 110_000}),
    ],
    ids=str,
)
def test_a_form_that_was_tampered_with_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    http = shop.enter("demo-provider")
    fields = form_of(page(http, "/orders/stat/order/1"), "accept").fields() | change
    answer = http.post("/orders/stat/order/1/events", data=fields)
    assert answer.status_code == 400
    sound(answer)
    assert state(http, "/orders/stat/order/1") == "received"


def test_a_revision_of_the_future_is_stale(shop: Shop) -> None:
    http = shop.enter("demo-provider")
    fields = form_of(page(http, "/orders/stat/order/1"), "accept").fields() | {"revision": "9" * 18}
    assert http.post("/orders/stat/order/1/events", data=fields).status_code == 409


def test_whoever_was_signed_out_meanwhile_gets_back_what_was_typed(fresh: Shop) -> None:
    http = fresh.enter("demo-provider")
    form = form_of(page(http, "/orders/stat/order/1"), "accept")
    fresh.clock.time += timedelta(days=1)
    answer = http.post(form.attributes["action"], data=form.fields() | {"reason_text": "Long\nthought"})
    tree = sound(answer)
    assert answer.status_code == 403
    assert tree.one("h1").text == "Not sent: you are signed out"
    assert tree.one("textarea").raw == "\nLong\nthought"
    assert state(fresh.enter("demo-provider"), "/orders/stat/order/1") == "received"


def test_a_database_that_does_not_answer_loses_nothing(tmp_path: Any) -> None:
    database = engine(f"sqlite:///{tmp_path}/pages.db")
    event.listen(database, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 100"))
    stat.create(database)
    stat.demo(partial(Session, database))
    for shop in opened(tmp_path, [stat.shelf()], database):
        http = shop.enter("demo-provider")
        form = form_of(page(http, "/orders/stat/order/1"), "accept")
        with database.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
            answer = http.post(form.attributes["action"], data=form.fields() | {"reason_text": "kept"}, timeout=60)
        tree = sound(answer)
        assert answer.status_code == 503
        again = tree.one("main").one("form")
        assert tree.one("textarea").raw == "\nkept"
        sent = http.post(again.attributes["action"], data=again.fields())
        assert sent.headers["location"] == "/orders/stat/order/1?sent=2"
    database.dispose()


# --- what the forms ask for


def test_a_form_asks_for_what_the_chart_asks_for(harsh: tuple[Shop, Lifecycle]) -> None:
    shop, orders = harsh
    path = parcel(shop, orders, "x")
    http = shop.enter("press")
    tree = page(http, path)
    explain, hush, finish = (form_of(tree, name) for name in ("explain", "hush", "finish"))
    assert [each.attributes["value"] for each in explain.one("select").all("option")] == ["", "late", "lost"]
    assert not [each for each in hush if "reason" in each.attributes.get("name", "")]
    assert finish.one("input", name="link_rel", value="tracking").attributes["type"] == "hidden"
    assert "weight: number" in finish.one("ul", class_="help").text
    answer = http.post(f"{path}/events", data=explain.fields())
    assert answer.status_code == 422
    assert "Explain needs a reason: one of late, lost." in sound(answer).one("div", role="alert").text
    assert send(http, path, "explain", reason_code="late").status_code == 303
    answer = send(http, path, "finish", payload='{"weight": "x"}', link_href="/t")
    assert answer.status_code == 422
    assert send_finish(http, path, '{"weight": 2.5}').status_code == 303
    assert state(http, path) == "done"


def send_finish(http: httpx.Client, path: str, payload: str, **more: str) -> httpx.Response:
    fields = form_of(page(http, path), "finish").fields()
    pairs = [(name, value) for name, value in fields.items() if not name.startswith("link_")]
    pairs = [(name, {"payload": payload, **more}.get(name, value)) for name, value in pairs]
    pairs += [
        ("link_rel", "tracking"),
        ("link_href", more.get("link_href", "/t")),
        ("link_title", more.get("title", "")),
    ]
    return http.post(f"{path}/events", content=str(httpx.QueryParams(pairs)), headers=URLENCODED)


# --- texts from outside


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_is_a_text_wherever_it_comes(harsh: tuple[Shop, Lifecycle], text: str) -> None:
    shop, orders = harsh
    path = parcel(shop, orders, text, note=text)
    http = shop.enter("press")
    sent = send(http, path, "note", reason_code=text[:200], reason_text=text)
    assert sent.status_code == 303
    link = {"title": line(text), "link_href": "https://x.example/?q=" + quote(text, safe="")}
    assert send_finish(http, path, '{"weight": 1, "x": ' + json.dumps(text) + "}", **link).status_code == 303
    tree = page(http, path)
    assert tree.one("h1").text == line(text)
    assert tree.one("p", class_="text").raw == told(text.replace("\r\n", "\n"))
    for each in (page(http, "/"), page(http, "/orders/test/harsh"), page(http, "/", params={"q": text})):
        assert "\x1b" not in each.raw
        assert not set(each.raw) & set("\u202e\u2066\x07\r")
    picture = http.get(f"{path}/diagram.svg")
    assert "<script" not in picture.text
    assert picture.text.count("<svg") == 1


def test_what_was_typed_comes_back_as_text(harsh: tuple[Shop, Lifecycle]) -> None:
    shop, orders = harsh
    path = parcel(shop, orders, "x")
    http = shop.enter("press")
    for text in HOSTILE:
        typed = {"reason_code": "no such" + text[:50], "reason_text": text, "revision": "7", "as": "printer"}
        fields = form_of(page(http, path), "note").fields() | typed
        answer = http.post(f"{path}/events", data=fields)
        assert answer.status_code == 409
        again = form_of(sound(answer), "note").fields()
        assert again["reason_text"] == text.replace("\r\n", "\n").strip()


def test_a_link_is_followed_by_http_alone(harsh: tuple[Shop, Lifecycle]) -> None:
    shop, orders = harsh
    path = parcel(shop, orders, "x")
    with shop.sessions() as session:
        order = session.get_one(kept.Parcel, "x")
        links = [Link("a", "https://a.example"), Link("b", "http://b.example"), Link("c", "/ours", title="T")]
        orders.send(session, order, "note", actor=Actor("printer"), links=links)
        session.commit()
    row = page(shop.enter("press"), path).one("tr", id="entry-2")
    followed = [each.attributes["href"] for each in row.all("a")]
    assert followed == ["https://a.example", "http://b.example"]
    assert "/ours" in row.text


def test_the_export_has_every_entry_and_no_formula(harsh: tuple[Shop, Lifecycle]) -> None:
    shop, orders = harsh
    path = parcel(shop, orders, "x")
    formulas = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "plain", 'quo"te', "two\nlines")
    with shop.sessions() as session:
        order = session.get_one(kept.Parcel, "x")
        for number in range(1100):
            text = formulas[number % len(formulas)]
            orders.send(session, order, "note", actor=Actor("printer", text), reason=Reason(text, text))
        session.commit()
    answer = shop.enter("press").get(f"{path}/history.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="history-x.csv"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["sequence"] for row in rows] == [str(n) for n in range(1, 1102)]
    for row, text in zip(rows[1:], itertools.cycle(formulas), strict=False):
        for cell in (row["actor_id"], row["reason_code"], row["reason_text"]):
            assert cell.lstrip("'") == text
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_picture_is_a_picture_and_nothing_else(shop: Shop) -> None:
    http = shop.enter("demo-provider")
    answer = http.get("/orders/stat/order/3/diagram.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    tags = {each.tag.rpartition("}")[2] for each in ElementTree.fromstring(answer.text).iter()}
    assert not tags & {"script", "foreignObject", "a", "use", "image"}
    assert "held" in answer.text
    assert http.get("/orders/stat/order/2/diagram.svg").text != answer.text
    shown = page(http, "/orders/stat/order/3").one("figure").one("img").attributes
    assert shown["src"] == "/orders/stat/order/3/diagram.svg"
    assert shown["alt"].endswith("it is held now.")


# --- the history


def test_a_long_history_is_paged(own: tuple[Shop, Engine]) -> None:
    shop, database = own
    orders = stocked(KINDS[0], PRESS)
    with Session(database) as session:
        order = kept.Order(reference="here")
        orders.open(session, order)
        orders.send(session, order, "accept", actor="printer")
        for _ in range(60):
            orders.send(session, order, "note")
        session.commit()
        path = f"/orders/ready-made/{order.id}"
    http = shop.enter("press")
    seen: list[int] = []
    while path:
        tree = page(http, path)
        seen += [int(row.one("th").text) for row in tree.one("table", class_="history").all("tr") if row.all("td")]
        path = next((each.attributes["href"] for each in tree.all("a", rel="next")), "")
    assert seen == list(range(62, 0, -1))
    for odd in ("x", "-1", "9" * 40, "0"):
        assert http.get(path or "/orders/ready-made/1", params={"before": odd}).status_code == 200


def test_corrections_are_told_with_what_they_correct(own: tuple[Shop, Engine]) -> None:
    shop, database = own
    orders = stocked(KINDS[1], PRESS)
    with Session(database) as session:
        order = KINDS[1].new()
        orders.open(session, order)
        orders.send(session, order, "accept", actor="printer")
        orders.supersede(session, order, 2, Restated(reason=Reason(text="really")), actor="printer", reason="mistyped")
        orders.void(session, order, actor="printer", reason=Reason(text="wrong order"))
        session.commit()
        path = f"/orders/uuid/{order.id}"
    tree = page(shop.enter("press"), path)
    assert "restated by entry 3" in tree.one("tr", id="entry-2").text
    assert "taken back by entry 4" in tree.one("tr", id="entry-2").text
    assert "corrected" in tree.one("tr", id="entry-2").attributes["class"]
    assert "about entry 2" in tree.one("tr", id="entry-4").text
    assert state(shop.enter("press"), path) == "received"


def test_an_order_of_a_state_that_the_chart_lost_still_has_a_page(own: tuple[Shop, Engine]) -> None:
    shop, database = own
    orders = stocked(KINDS[2], PRESS)
    with Session(database) as session:
        orders.open(session, kept.Parcel(number="P-1", note="old"))
        session.commit()
    with Session(database) as session, kept.unguarded(session.connection(), KINDS[2]):
        session.connection().exec_driver_sql("UPDATE test_parcel SET configuration = 'gone', code = 'gone'")
        session.commit()
    http = shop.enter("press")
    tree = page(http, "/orders/text/P-1")
    assert "its operator has to look" in tree.text
    assert tree.one("h1").text == "old"
    assert tree.all("figure") == []
    answer = http.get("/orders/text/P-1/diagram.svg")
    assert answer.status_code == 409
    assert sound(answer).one("h1").text == "Something is wrong here"


# --- other methods


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST"])
@pytest.mark.parametrize("path", ["/", "/orders/stat/order", "/orders/stat/order/1", "/assets/orderfsm.css"])
def test_another_method_gets_a_page_that_says_so(shop: Shop, method: str, path: str) -> None:
    answer = shop.enter("demo-provider").request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert sound(answer).one("h1").text == "Not like this"


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/sign-in", "/orders/stat/order", "/orders/stat/order/1", "/orders/stat/order/1/diagram.svg"),
        *("/orders/stat/order/1/history.csv", "/assets/orderfsm.css", "/orders/nothing"),
    ],
)
def test_head_is_get_without_a_body(shop: Shop, path: str) -> None:
    http = shop.enter("demo-provider")
    head, got = http.head(path), http.get(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"] if got.content else True


@pytest.mark.parametrize(
    "path", ["/orders/", "/orders/x", "/orders/stat", "/orders/stat/order/1/2/3", "/assets/../x", "/orders/%00"]
)
def test_what_is_not_there_gets_a_page(shop: Shop, path: str) -> None:
    answer = shop.enter("demo-provider").get(path)
    assert answer.status_code in (400, 404)
    if path.startswith("/orders"):
        sound(answer)


def test_the_address_of_an_answer_leads_back_to_the_order(shop: Shop) -> None:
    answer = shop.enter("both").get("/orders/stat/order/1/events")
    assert (answer.status_code, answer.headers["location"]) == (303, "/orders/stat/order/1")


@pytest.mark.parametrize(
    "query",
    [
        "?as=%ff",
        "?before=%00",
        "?q=%ff%fe",
        "?state=%00",
        "?after=..",
        "?sent=%E2%80%AE",
        "?q=" + "x" * 3000,
        "?state=none",
    ],
)
@pytest.mark.parametrize("path", ["/", "/orders/stat/order", "/orders/stat/order/1"])
def test_no_query_breaks_a_page(shop: Shop, path: str, query: str) -> None:
    answer = shop.enter("demo-provider").get(path + query)
    assert answer.status_code in (200, 400, 404)
    sound(answer)


# --- what pages are made of


def test_the_stylesheet_may_be_kept_and_is_of_one_version(shop: Shop) -> None:
    http = shop.stranger()
    href = read(http.get("/sign-in").text).one("link", rel="stylesheet").attributes["href"]
    answer = http.get(href)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_pages_know_the_path_that_the_app_is_mounted_under(tmp_path: Any) -> None:
    database = engine(f"sqlite:///{tmp_path}/x.db")
    stat.create(database)
    stat.demo(partial(Session, database))
    inner, outer, tokens = FastAPI(), FastAPI(), Tokens(tmp_path / "tokens")
    inner.include_router(router(shelves=[stat.shelf()], sessions=partial(Session, database), tokens=tokens))
    outer.mount("/pages", inner)
    with serving(outer) as url, plain(base_url=url) as http:
        asked = http.get("/pages/orders/stat/order/1")
        assert asked.headers["location"] == "/pages/sign-in?next=/orders/stat/order/1"
        form = read(http.get(asked.headers["location"]).text).one("form")
        secret = tokens.add("demo-provider", ["stat/provider"])
        answer = http.post(form.attributes["action"], data=form.fields() | {"token": secret})
        assert answer.headers["location"] == "/pages/orders/stat/order/1"
        tree = read(http.get(answer.headers["location"]).text)
        links = [
            each.attributes[name] for each in tree for name in ("href", "src", "action") if name in each.attributes
        ]
        assert all(link.startswith(("/pages/", "#", "https://")) for link in links)
        assert http.get(tree.one("figure").one("img").attributes["src"]).status_code == 200
    database.dispose()


def test_shelves_that_look_alike_are_refused(tmp_path: Any) -> None:
    shelf = stat.shelf()
    with pytest.raises(ValueError, match="two shelves are called 'stat/order'; give one of them a label"):
        router(shelves=[shelf, shelf], sessions=Session, tokens=Tokens(tmp_path / "tokens"))
    for name in ("a b", "../x", "{key}", "/x", "x/"):
        odd = Shelf(shelf.vocabulary, shelf.lifecycle, shelf.visible, shelf.title, name)
        with pytest.raises(ValueError, match="is called"):
            router(shelves=[odd], sessions=Session, tokens=Tokens(tmp_path / "tokens"))


TEXTS = ("--ink", "--quiet", "--link", "--bad")
PAIRS = [
    *((text, ground) for text in TEXTS for ground in ("--ground", "--sheet")),
    *((f"--{c}", ground) for c in Category for ground in (f"--{c}-ground", "--sheet", "--ground")),
    *((text, f"--{c}-ground") for c in Category for text in ("--ink", "--quiet")),
    *((text, f"--{tone}-ground") for tone in ("good", "bad") for text in ("--ink", f"--{tone}")),
    ("--on-strong", "--strong"),
]
EDGES = [("--edge", "--sheet"), ("--edge", "--ground"), ("--focus", "--ground"), ("--focus", "--sheet")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_the_contrast_that_aa_asks_for(scheme: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", asset("orderfsm.css").decode(), re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6});", blocks[("light", "dark").index(scheme)]))
    assert {
        pair: contrast(*(colours[name] for name in pair))
        for pair in PAIRS
        if contrast(*(colours[n] for n in pair)) < 4.5
    } == {}
    assert {
        pair: contrast(*(colours[name] for name in pair)) for pair in EDGES if contrast(*(colours[n] for n in pair)) < 3
    } == {}


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2 reckons it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
