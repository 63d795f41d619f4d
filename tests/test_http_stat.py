"""The status of an order for imagery: in the seed's shape, in STAPI's of today, and behind its reference server."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlmodel import Session, select
from stapi_pydantic import Order, OrderCollection, OrderStatus, OrderStatuses

import orderfsm
from kept_databases import asked_for, new_database
from kept_http import client, lent
from orderfsm.http import Principal, stat

BEGAN = datetime(2024, 4, 1, 9, tzinfo=UTC)
WHO = {
    "customer": Principal("c1", frozenset({"customer"})),
    "other": Principal("c2", frozenset({"customer"})),
    "provider": Principal("p1", frozenset({"provider"})),
    "auditor": Principal("a1", frozenset({"auditor"})),
}
CUSTOMER, OTHER, PROVIDER = ({"Authorization": f"Bearer {who}"} for who in ("customer", "other", "provider"))
WANTED = {
    "datetime": "2018-02-12T00:00:00Z/2018-03-18T12:31:12Z",
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1.5], [0, 0]]]},
    "order_parameters": {"cloud_cover": 10},
}
NEEDED = {"timestamp", "status_code", "links"}
FIELDS = {"timestamp", "status_code", "reason_code", "reason_text", "links"}


class Clock:
    """A minute later each time."""

    def __init__(self) -> None:
        self.at = BEGAN

    def __call__(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    with asked_for(request, tmp_path, stat.create) as made:
        yield made


@pytest.fixture
def http(database: Engine) -> Iterator[httpx.Client]:
    yield from served(database)


@pytest.fixture
def lone(tmp_path: Any) -> Iterator[Engine]:
    with new_database("sqlite", "", tmp_path, stat.create) as made:
        yield made


@pytest.fixture
def alone(lone: Engine) -> Iterator[httpx.Client]:
    yield from served(lone)


def served(database: Engine) -> Iterator[httpx.Client]:
    """Both vocabularies: the seed's under /2024, today's under /today."""
    given = {"sessions": partial(Session, database), "clocks": {"stat/order": Clock(), "stapi/order": Clock()}}
    with lent(app, **given) as found, client(found) as made:
        yield made


def app(now: Any) -> FastAPI:
    made = FastAPI()
    for prefix, words in (("/2024", "stat/order"), ("/today", "stapi/order")):
        router = stat.router(
            sessions=lambda: now.sessions(),
            authenticate=WHO.get,
            clock=lambda words=words: now.clocks[words](),  # type: ignore[misc]
            words=words,  # type: ignore[arg-type]
            products={"optical"},
        )
        made.include_router(router, prefix=prefix)
    return made


def placed(http: httpx.Client, root: str = "/2024", headers: dict[str, str] = CUSTOMER) -> str:
    answer = http.post(f"{root}/products/optical/orders", json=WANTED, headers=headers)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["id"]
    assert answer.headers["location"] == f"{str(http.base_url).rstrip('/')}{root}/orders/{number}"
    return number


def reported(http: httpx.Client, number: str, *codes: str, root: str = "/2024") -> int:
    """The status of the answer to the last of some reports."""
    for code in codes:
        answer = http.post(f"{root}/order/{number}/status", json={"status_code": code}, headers=PROVIDER)
    return answer.status_code


def past(http: httpx.Client, number: str, root: str = "/2024") -> list[str]:
    found = http.get(f"{root}/order/{number}/status", headers=CUSTOMER).json()
    assert found["current"] == found["history"][-1]
    assert all(
        set(status) <= FIELDS and {"timestamp", "status_code", "links"} <= set(status) for status in found["history"]
    )
    times = [datetime.fromisoformat(status["timestamp"]) for status in found["history"]]
    assert times == sorted(times)
    return [status["status_code"] for status in found["history"]]


# --- the seed's shape


def test_the_status_of_an_order_is_the_current_one_and_all_it_had(http: httpx.Client) -> None:
    number = placed(http)
    link = {"rel": "delivered-asset", "href": "https://catalog.example/items/1", "type": "image/tiff"}
    reported(http, number, "accepted", "processing")
    body = {
        "status_code": "completed",
        "reason_code": "partial_delivery",
        "reason_text": "all but the north",
        "links": [link],
    }
    http.post(f"/2024/order/{number}/status", json=body, headers=PROVIDER)
    found = http.get(f"/2024/order/{number}/status", headers=CUSTOMER).json()
    stamps = [status.pop("timestamp") for status in found["history"]]
    assert stamps == [f"2024-04-01T09:0{minute}:00Z" for minute in (2, 3, 4, 5)]
    assert found == {
        "current": body | {"timestamp": stamps[-1]},
        "history": [
            {"status_code": "received", "links": []},
            {"status_code": "accepted", "links": []},
            {"status_code": "processing", "links": []},
            body,
        ],
    }


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        (["accepted", "completed"], 200),
        (["rejected"], 200),
        (["accepted", "canceled"], 200),
        (["completed"], 409),
        (["rejected", "accepted"], 409),
        (["reserved", "accepted", "scheduled", "tasked", "processing", "completed"], 200),
        (["scheduled"], 409),
        (["accepted", "cancelled"], 200),
        (["accepted", "user_cancelled"], 409),
        (["launched"], 409),
    ],
)
def test_what_the_provider_reports_follows_the_vocabulary(alone: httpx.Client, codes: list[str], status: int) -> None:
    number = placed(alone)
    assert reported(alone, number, *codes) == status
    words = ["received", *codes] if status == 200 else ["received", *codes[:-1]]
    assert past(alone, number) == ["canceled" if word == "cancelled" else word for word in words]


def test_a_hold_ends_where_it_began(alone: httpx.Client) -> None:
    number = placed(alone)
    for event in ("accept", "schedule", "hold", "resume"):
        answer = alone.post(f"/2024/order/{number}/events", json={"event": event}, headers=PROVIDER)
        assert answer.status_code == 200, answer.text
    assert past(alone, number) == ["received", "accepted", "scheduled", "held", "scheduled"]


def test_a_status_that_is_reported_again_changes_nothing(alone: httpx.Client) -> None:
    number = placed(alone)
    assert reported(alone, number, "accepted", "accepted") == 200
    assert past(alone, number) == ["received", "accepted"]


def test_the_newest_status_is_the_current_one(alone: httpx.Client) -> None:
    number = placed(alone)
    url = f"/2024/order/{number}/status"
    body = {"status_code": "accepted"}
    for timestamp in ("2024-04-01T08:00:00Z", "2024-04-01T12:00:00Z", "2030-01-01T00:00:00Z"):
        assert alone.post(url, json=body | {"timestamp": timestamp}, headers=PROVIDER).status_code == 422
    for timestamp in ("2024-04-01T09:00:00", "noon", 7, True):
        assert alone.post(url, json=body | {"timestamp": timestamp}, headers=PROVIDER).status_code == 422
    good = alone.post(url, json=body | {"timestamp": "2024-04-01T11:02:30+02:00"}, headers=PROVIDER)
    assert (good.status_code, good.json()["timestamp"]) == (200, "2024-04-01T09:02:30Z")
    assert past(alone, number) == ["received", "accepted"]


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "https://user:secret@example.com/",
        "/orders",
        "https://exa\tmple.com/",
        "https://",
        "ftp://example.com/",
        "https://example.com/" + "x" * 3_000,
    ],
)
def test_links_lead_to_web_addresses(alone: httpx.Client, href: str) -> None:
    number = placed(alone)
    body = {"status_code": "accepted", "links": [{"rel": "log", "href": href}]}
    answer = alone.post(f"/2024/order/{number}/status", json=body, headers=PROVIDER)
    assert answer.status_code == 422
    assert "secret" not in answer.text
    assert past(alone, number) == ["received"]


# --- today's shape


def test_an_order_and_its_statuses_are_what_stapi_pydantic_reads(http: httpx.Client) -> None:
    number = placed(http, "/today")
    order = Order[OrderStatus].model_validate_json(http.get(f"/today/orders/{number}", headers=CUSTOMER).text)
    assert (order.properties.product_id, order.properties.status.status_code) == ("optical", "received")
    assert order.properties.order_parameters == {"cloud_cover": 10}
    assert order.properties.search_parameters.datetime[0].isoformat() == "2018-02-12T00:00:00+00:00"
    (monitor,) = [str(link.href) for link in order.links if link.rel == "monitor"]
    codes = ["accepted", "scheduled", "tasked", "processing", "processing", "failed"]
    reported(http, number, *codes, root="/today")
    found = OrderStatuses[OrderStatus].model_validate_json(httpx.get(monitor, headers=CUSTOMER, timeout=60).text)
    assert [status.status_code for status in found.statuses] == [
        "received",
        "accepted",
        "scheduled",
        "tasked",
        "processing",
        "failed",
    ]
    listed = OrderCollection[OrderStatus].model_validate_json(http.get("/today/orders", headers=CUSTOMER).text)
    assert [(each.id, each.properties.status.status_code) for each in listed] == [(number, "failed")]


def test_every_word_of_today_is_one_that_stapi_pydantic_knows(alone: httpx.Client) -> None:
    chart = orderfsm.load("stapi/order")
    codes = {step.after.code for step in orderfsm.table.compile(chart).edges()}
    for code in codes - {None}:
        OrderStatus(timestamp=BEGAN, status_code=code)  # type: ignore[arg-type]
    assert len(codes) == 13


def test_a_customer_cancels_until_the_order_is_scheduled(alone: httpx.Client) -> None:
    def cancel(number: str) -> httpx.Response:
        return alone.post(f"/today/order/{number}/events", json={"event": "user_cancel"}, headers=CUSTOMER)

    early, late = placed(alone, "/today"), placed(alone, "/today")
    assert cancel(early).json()["status_code"] == "user_cancelled"
    reported(alone, late, "accepted", "scheduled", root="/today")
    assert cancel(late).status_code == 409
    assert past(alone, late, "/today") == ["received", "accepted", "scheduled"]


def test_statuses_come_by_the_page(alone: httpx.Client) -> None:
    number = placed(alone, "/today")
    codes = ["accepted", "scheduled", "tasked", "processing", "completed"]
    reported(alone, number, *codes, root="/today")
    url, seen, pages = f"/today/orders/{number}/statuses?limit=2", [], 0
    while url:
        page = alone.get(url, headers=CUSTOMER).json()
        seen += [status["status_code"] for status in page["statuses"]]
        pages += 1
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert (seen, pages) == (["received", *codes], 3)


def test_orders_come_by_the_page_the_newest_first(alone: httpx.Client) -> None:
    numbers = [placed(alone, "/today") for _ in range(5)]
    url, seen = "/today/orders?limit=2", []
    while url:
        page = alone.get(url, headers=CUSTOMER).json()
        seen += [order["id"] for order in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert seen == numbers[::-1]


@pytest.mark.parametrize("token", ["x", "-1", "9" * 30, "%00", "1 or 1=1"])
def test_a_token_that_no_page_gave_leads_nowhere(alone: httpx.Client, token: str) -> None:
    number = placed(alone, "/today")
    for url in (f"/today/orders/{number}/statuses", "/today/orders"):
        answer = alone.get(f"{url}?next={token}", headers=CUSTOMER)
        if token == "%00":
            assert answer.status_code == 400
        else:
            assert (answer.status_code, answer.json()) == (404, {"detail": "Error finding pagination token"})


def test_the_two_vocabularies_do_not_see_each_other(alone: httpx.Client) -> None:
    ours, today = placed(alone), placed(alone, "/today")
    assert alone.get(f"/today/orders/{ours}", headers=PROVIDER).status_code == 404
    assert alone.get(f"/2024/order/{today}/status", headers=PROVIDER).status_code == 404


# --- the reference server of STAPI, with this library behind it


def test_the_reference_server_runs_on_it(database: Engine) -> None:
    from fastapi import Request
    from returns.maybe import Maybe, Nothing, Some
    from returns.result import Success
    from stapi_fastapi.routers.root_router import RootRouter

    orders = stat.lifecycle("stapi/order", Clock())
    shown = partial(stat.shown.feature, base="http://imagery.example")

    def found(session: Session, number: str) -> Any:
        return session.get(stat.ImageryOrder, int(number)) if number.isdigit() else None

    def told(session: Session, order: stat.ImageryOrder) -> Order[OrderStatus]:
        return Order[OrderStatus].model_validate(shown(order, stat.shown.statuses(session, order)[-1]))

    async def get_order(number: str, request: Request) -> Any:
        with Session(database) as session:
            order = found(session, number)
            if order is None:
                return Success(Nothing)
            return Success(
                Some(Order[OrderStatus].model_validate(shown(order, stat.shown.statuses(session, order)[-1])))
            )

    async def get_orders(token: str | None, limit: int, request: Request) -> Any:
        with Session(database) as session:
            some = session.exec(select(stat.ImageryOrder).limit(limit)).all()
            made = [
                Order[OrderStatus].model_validate(shown(each, stat.shown.statuses(session, each)[-1])) for each in some
            ]
        return Success((made, Nothing, Some(len(made))))

    async def get_order_statuses(number: str, token: str | None, limit: int, request: Request) -> Any:
        with Session(database) as session:
            order = found(session, number)
            if order is None:
                return Success(Nothing)
            rows = stat.shown.statuses(session, order, after=int(token or 0), most=limit + 1)
        page = [OrderStatus.model_validate(stat.shown.status_of(row)) for row in rows[:limit]]
        following: Maybe[str] = Some(str(rows[limit - 1].sequence)) if len(rows) > limit else Nothing
        return Success(Some((page, following)))

    with Session(database) as session:
        order = stat.ImageryOrder(
            customer="c1",
            product_id="optical",
            created=BEGAN,
            search_parameters={name: WANTED[name] for name in ("datetime", "geometry")},
        )
        orders.open(session, order, actor=WHO["customer"].actor("customer"))
        for code in ("accepted", "scheduled", "user_cancelled"):
            try:
                orders.report(session, order, code, actor=WHO["provider"].actor("provider"))
            except orderfsm.Refused:
                assert code == "user_cancelled"
        session.commit()
        number = order.id

    app = FastAPI()
    router = RootRouter(get_orders=get_orders, get_order=get_order, get_order_statuses=get_order_statuses)
    app.include_router(router, prefix="/stapi")
    with client(app) as http:
        assert http.get(f"/stapi/orders/{number}").json()["properties"]["status"]["status_code"] == "scheduled"
        links = http.get(f"/stapi/orders/{number}").json()["links"]
        assert {link["rel"] for link in links} >= {"self", "monitor"}
        page = http.get(f"/stapi/orders/{number}/statuses?limit=2").json()
        (onward,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
        codes = [status["status_code"] for status in page["statuses"] + http.get(onward).json()["statuses"]]
        assert codes == ["received", "accepted", "scheduled"]
        assert len(http.get("/stapi/orders").json()["features"]) == 1
        assert http.get("/stapi/orders/999").status_code == 404


# --- who may what


GETS = ("/2024/order/{}/status", "/2024/orders/{}", "/2024/orders/{}/statuses")
POSTS = ("/2024/order/{}/status", "/2024/order/{}/events", "/2024/orders/{}/statuses")
BODY = {"status_code": "accepted", "event": "accept"}


@pytest.mark.parametrize("who", ["customer", "other", "provider", "auditor", "nobody", None])
def test_everybody_sees_and_does_what_is_his(http: httpx.Client, who: str | None) -> None:
    number = placed(http)
    headers = {} if who is None else {"Authorization": f"Bearer {who}"}
    wanted = {"customer": (200, 403), "other": (404, 404), "provider": (200, 200)}.get(who or "", (401, 401))
    for url in GETS:
        assert http.get(url.format(number), headers=headers).status_code == wanted[0]
    for url in POSTS[:1]:
        assert http.post(url.format(number), json=BODY, headers=headers).status_code == wanted[1]
    listed = http.get("/2024/orders", headers=headers)
    if wanted[0] == 401:
        assert listed.status_code == 401
        assert listed.json() == {"detail": "Not authenticated"}
    else:
        assert [order["id"] for order in listed.json()["features"]] == ([] if who == "other" else [number])


@pytest.mark.parametrize("url", GETS)
def test_a_foreign_order_looks_as_if_it_were_not_there(http: httpx.Client, url: str) -> None:
    number = placed(http)
    foreign, absent = (http.get(url.format(each), headers=OTHER) for each in (number, "999999"))
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content == b'{"detail":"Order not found"}'


@pytest.mark.parametrize("url", POSTS)
def test_nobody_writes_to_a_foreign_order(http: httpx.Client, url: str) -> None:
    number = placed(http)
    foreign, absent = (http.post(url.format(each), json=BODY, headers=OTHER) for each in (number, "999999"))
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content
    assert past(http, number) == ["received"]


def test_a_product_that_there_is_not_is_not_ordered(alone: httpx.Client) -> None:
    answer = alone.post("/2024/products/radar/orders", json=WANTED, headers=CUSTOMER)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Product not found"})


# --- hostile input


def test_hostile_orders_are_refused(alone: httpx.Client) -> None:
    geometries: list[Any] = [
        {"type": "Point", "coordinates": []},
        {"type": "Point", "coordinates": [True, 1]},
        {"type": "Point", "coordinates": ["1", "2"]},
        {"type": "Point", "coordinates": [[1, 2]]},
        {"type": "Point"},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [2, 2]]]},
        {"type": "GeometryCollection"},
        {"type": "Circle", "coordinates": [1, 2]},
        [],
        None,
    ]
    intervals = ["", "/", "../..", "2018-02-12", "2018-02-12T00:00:00/2018-03-01T00:00:00", "x/y", 7]
    bodies = [WANTED | {"geometry": each} for each in geometries] + [WANTED | {"datetime": each} for each in intervals]
    for body in [*bodies, {}, []]:
        answer = alone.post("/2024/products/optical/orders", json=body, headers=CUSTOMER)
        assert answer.status_code == 422, body
        assert isinstance(answer.json()["detail"], list)
    open_end = WANTED | {"datetime": "2018-02-12T00:00:00Z/.."}
    assert alone.post("/2024/products/optical/orders", json=open_end, headers=CUSTOMER).status_code == 201


LINK = {"rel": "x", "href": "https://x.example"}
HOSTILE = {
    "no JSON": b"{",
    "a list": b"[]",
    "NaN": b'{"status_code": NaN}',
    "duplicates": b'{"status_code": "accepted", "status_code": "accepted"}',
    "nested": b"[" * 100_000,
    "a large number": b'{"status_code": ' + b"9" * 5_000 + b"}",
    "true for a text": b'{"status_code": true}',
    "a NUL": b'{"status_code": "accepted", "reason_text": "\\u0000"}',
    "a surrogate": b'{"status_code": "accepted", "reason_text": "\\ud800"}',
    "no UTF-8": b'{"status_code": "\xff"}',
    "a long text": json.dumps({"status_code": "accepted", "reason_text": "x" * 5_000}).encode(),
    "a word with spaces": b'{"status_code": "accepted <script>"}',
    "many links": json.dumps(
        {"status_code": "accepted", "links": [{"rel": "x", "href": "https://x.example"}] * 101}
    ).encode(),
}


def test_hostile_reports_are_refused(alone: httpx.Client) -> None:
    number = placed(alone)
    headers = PROVIDER | {"Content-Type": "application/json"}
    for name, body in HOSTILE.items():
        answer = alone.post(f"/2024/order/{number}/status", content=body, headers=headers)
        assert answer.status_code in (400, 422), name
        assert "script" not in answer.text
    assert alone.post(f"/2024/order/{number}/status", content=b"x" * 2_000_000, headers=headers).status_code == 413
    assert past(alone, number) == ["received"]


def test_hostile_numbers_and_limits_lead_nowhere(alone: httpx.Client) -> None:
    for number in ("-1", "9223372036854775808", "x", "' OR 1=1", "0x1", "\u0661"):
        assert alone.get(f"/2024/order/{number}/status", headers=PROVIDER).status_code == 404
    for limit in ("0", "-1", "99999999999999999999", "many"):
        assert alone.get(f"/2024/orders?limit={limit}", headers=PROVIDER).status_code == 422


def test_markup_in_a_reason_stays_text(alone: httpx.Client) -> None:
    number = placed(alone)
    text = "<script>alert('1')</script>\r\nSet-Cookie: x=1\x1b[31m"
    answer = alone.post(
        f"/2024/order/{number}/status", json={"status_code": "accepted", "reason_text": text}, headers=PROVIDER
    )
    assert answer.json()["reason_text"] == text
    assert answer.headers["content-type"] == "application/json"
    assert "set-cookie" not in answer.headers


# --- races and the demo


def test_of_accept_and_reject_one_wins(http: httpx.Client) -> None:
    for _ in range(4):
        number = placed(http)
        statuses: list[tuple[str, int]] = []

        def report(code: str, number: str = number, statuses: list[tuple[str, int]] = statuses) -> None:
            statuses.append((code, reported(http, number, code)))

        threads = [threading.Thread(target=report, args=[code]) for code in ("accepted", "rejected")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = [code for code, status in statuses if status == 200]
        assert [status for code, status in statuses if code != winner] == [409]
        assert past(http, number) == ["received", winner]


@pytest.mark.parametrize("words", ["stat/order", "stapi/order"])
def test_the_demo_shows_five_lives(lone: Engine, alone: httpx.Client, words: Any) -> None:
    stat.demo(partial(Session, lone), Clock(), words)
    root = "/2024" if words == "stat/order" else "/today"
    listed = alone.get(f"{root}/orders", headers=PROVIDER).json()["features"]
    codes = [order["properties"]["status"]["status_code"] for order in listed]
    assert codes == ["completed", "rejected", "held", "accepted", "received"]
    with Session(lone) as session:
        shelf = stat.shelf(words=words)
        visible = {
            who: len(session.exec(select(stat.ImageryOrder).where(shelf.visible(WHO[who]))).all()) for who in WHO
        }
    assert visible == {"customer": 0, "other": 0, "provider": 5, "auditor": 0}
