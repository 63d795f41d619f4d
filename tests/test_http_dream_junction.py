"""Dream Junction's API: every example of its documents, who may what, and what hostile clients try."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from kept_databases import asked_for, new_database
from kept_http import client, lent
from orderfsm.errors import OrderFsmError
from orderfsm.history import Actor
from orderfsm.http import Principal
from orderfsm.http import dream_junction as dj
from orderfsm.http.dream_junction.models import NewItem

PACIFIC = ZoneInfo("America/Los_Angeles")
CREATED = datetime(2014, 6, 30, 23, 56, 24, 691_000, PACIFIC)
SHIPPED = datetime(2014, 7, 1, 12, 21, 24, 691_000, PACIFIC)
KEYS = {
    "kept-secret-of-ours": Principal("ours", frozenset({"customer"})),
    "kept-secret-of-others": Principal("others", frozenset({"customer"})),
    "kept-secret-of-house": Principal("house", frozenset({"provider"})),
}
OURS, OTHERS = ({"Authorization": f"Token token=kept-secret-of-{who}"} for who in ("ours", "others"))
NOT_FOUND = {"status": "not_found", "message": "An order with that ID cannot be located"}
PROVIDER = Actor("provider", "house")
PARCEL = {
    "shipping_method": "Smartmail Expedited",
    "tracking_number": "9374869903500930473876",
    "search_link": "http://webtrack.dhlglobalmail.com/?trackingnumber=9374869903500930473876",
}
STATUS = {
    "id": 16724,
    "purchase_order": "5697626056",
    "created_at": "2014-06-30T23:56:24.691 -07:00",
    "shipped_at": "2014-07-01T12:21:24.691 -07:00",
    "status": "shipped",
    "client_amount": 5.25,
    "items": [
        {
            "id": 33448,
            "customer_sku": "1415956-15",
            "sku_id": 202,
            "description": "T-Shirt",
            "workflow_state": "packaged",
        }
    ],
    "shipments": [PARCEL],
}
SHIRT = {
    "customer_sku": "574247-15",
    "sku": "2001_ASPHALT_L",
    "name": "Breathe!",
    "description": "T-shirt - Womens Fitted Tee White LARGE",
    "quantity": "1",
    "attributes": {"style": "2001", "color": "asphalt", "size": "large"},
    "designs": [
        {
            "placement": "Front Center",
            "art_file": "art.tif",
            "art_url": "http://clientdomain.com/wp-content/assets/art.tif",
            "thumbnail_url": "http://clientdomain.com/wp-content/assets/thumbnail.jpg",
            "underbase": True,
        }
    ],
}
NEW: dict[str, Any] = {
    "type": "order",
    "account_id": 1,
    "account_zip": "92704",
    "purchase_order": "1729598549",
    "garments_provided": False,
    "ship_provider": "DHL",
    "ship_method": "Ground",
    "ship_to": {
        "first_name": "Bob",
        "last_name": "Smith",
        "company_name": "The Dream Junction",
        "address": "123 Main St",
        "address_2": "Apt 1",
        "city": "Portland",
        "state": "Oregon",
        "zip_code": "97034",
        "country": "US",
        "email": "johnsmith@gmail.com",
        "telephone": "800-555-1212",
    },
    "ship_from": {"first_name": "", "company_name": "The Dream Junction", "zip_code": "92704", "country": "US"},
    "order_notes": "Beware the ferocious guard cat.",
    "shipping_label_url": "https://clientdomain.com/services/receipt?id=1729598549",
    "production_priority": "normal",
    "items": [SHIRT],
    "inserts": [
        {"identifier": "insert-card-10-off-spring", "preview_url": "http://clientdomain.com/wp-content/assets/i.jpg"}
    ],
}
UPDATE = {
    "ship_provider": "UPS",
    "ship_method": "Ground",
    "ship_to": {
        "first_name": "Customer",
        "last_name": "Name",
        "company_name": "",
        "address": "1915 S Susan St",
        "address_2": "",
        "city": "Santa Ana",
        "state": "",
        "zip_code": "92704",
        "country": "US",
        "email": "customer@domain.com",
        "telephone": "5555555555",
    },
}


def skus(item: NewItem) -> dj.Sku | None:
    return None if item.sku == "sku_name" else dj.Sku(202, "T-Shirt", Decimal("5.25"))


class Clock:
    """A day later with each order."""

    def __init__(self) -> None:
        self.at = CREATED

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    with asked_for(request, tmp_path, dj.create) as made:
        yield made


@pytest.fixture
def lone(tmp_path: Any) -> Iterator[Engine]:
    with new_database("sqlite", "", tmp_path, dj.create) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http(database: Engine, clock: Clock) -> Iterator[httpx.Client]:
    yield from served(database, clock)


@pytest.fixture
def alone(lone: Engine, clock: Clock) -> Iterator[httpx.Client]:
    yield from served(lone, clock)


def served(database: Engine, clock: Clock) -> Iterator[httpx.Client]:
    with lent(app, sessions=partial(Session, database), clock=clock) as found, client(found) as made:
        yield made


def app(now: Any) -> FastAPI:
    made = FastAPI()
    router = dj.router(
        sessions=lambda: now.sessions(), authenticate=KEYS.get, clock=lambda: now.clock(), skus=skus, zone=PACIFIC
    )
    made.include_router(router, prefix="/api/v3")
    return made


def placed(http: httpx.Client, purchase_order: str = "1729598549", headers: dict[str, str] = OURS, **more: Any) -> int:
    answer = http.post("/api/v3/orders", json=NEW | {"purchase_order": purchase_order} | more, headers=headers)
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["order"]
    assert answer.json() == {"status": "ok", "message": f"Order {number} successfully created.", "order": number}
    return number


def driven(database: Engine, number: int, *events: str) -> None:
    """What Dream Junction does: `package` and `drop` go to each item."""
    orders, items = dj.lives(lambda: SHIPPED)
    with Session(database) as session:
        order = session.get_one(dj.PrintOrder, number)
        for event in events:
            if event in ("package", "drop"):
                for item in session.exec(select(dj.PrintItem).where(dj.PrintItem.print_order_id == number)).all():
                    if item.code == "open":
                        items.send(session, item, "cancel" if event == "drop" else "package", actor=PROVIDER)
            else:
                parcels = {"shipped_at": SHIPPED, "shipments": [PARCEL]} if event == "ship" else None
                orders.send(session, order, event, actor=PROVIDER, payload=parcels)
        session.commit()


# --- the examples of the documents


@pytest.mark.parametrize("url", ["/api/v3/orders/16724", "/api/v3/orders/show?purchase_order=5697626056"])
def test_the_example_response_by_number_and_by_purchase_order(
    http: httpx.Client, database: Engine, clock: Clock, url: str
) -> None:
    orders, items = dj.lives(clock)
    with Session(database) as session:
        order = dj.PrintOrder(
            id=16724, account="ours", purchase_order="5697626056", created_at=CREATED, client_amount=Decimal("5.25")
        )
        orders.open(session, order, actor=Actor("customer", "ours"))
        item = dj.PrintItem(
            id=33448, print_order_id=16724, customer_sku="1415956-15", sku_id=202, description="T-Shirt"
        )
        items.open(session, item)
        session.commit()
    driven(database, 16724, "release", "package", "ship")
    assert http.get(url, headers=OURS | {"Content-Type": "application/json"}).json() == STATUS


def test_the_answer_when_there_is_no_order(http: httpx.Client) -> None:
    for url in ("/api/v3/orders/16724", "/api/v3/orders/show?purchase_order=1", "/api/v3/orders/show"):
        answer = http.get(url, headers=OURS)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_the_example_of_a_new_order(http: httpx.Client) -> None:
    found = http.get(f"/api/v3/orders/{placed(http)}", headers=OURS).json()
    assert found.pop("id") > 0
    (item,) = found.pop("items")
    assert item | {"id": 0} == {
        "id": 0,
        "customer_sku": "574247-15",
        "sku_id": 202,
        "description": "T-shirt - Womens Fitted Tee White LARGE",
        "workflow_state": "open",
    }
    assert found == {
        "purchase_order": "1729598549",
        "created_at": "2014-06-30T23:56:24.691 -07:00",
        "status": "received",
        "client_amount": 5.25,
        "shipments": [],
        **{f"ship_to_{name}": value for name, value in NEW["ship_to"].items()},
    }


def test_a_purchase_order_is_used_once_by_an_account(http: httpx.Client) -> None:
    number = placed(http)
    answer = http.post("/api/v3/orders", json=NEW, headers=OURS)
    assert answer.status_code == 422
    assert answer.json() == {
        "status": "unprocessable_entity",
        "message": "Validation failed: Purchase order has already been taken",
        "order": number,
    }
    assert placed(http, headers=OTHERS) != number


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "Order is missing one or more items."),
        ([SHIRT | {"sku": "sku_name"}], "SKU cannot be found to process this item. SKU: sku_name"),
        ([SHIRT | {"designs": []}], "Item is missing one or more designs"),
        ([SHIRT, SHIRT | {"designs": []}], "Item is missing one or more designs"),
    ],
)
def test_the_failures_of_a_new_order(alone: httpx.Client, items: list[Any], message: str) -> None:
    answer = alone.post("/api/v3/orders", json=NEW | {"items": items}, headers=OURS)
    assert (answer.status_code, answer.json()) == (422, {"status": "unprocessable_entity", "message": message})
    assert alone.get("/api/v3/orders", headers=OURS).json() == {"orders": []}


def test_the_example_of_an_update(http: httpx.Client, database: Engine) -> None:
    number = placed(http)
    for _ in range(2):
        answer = http.put(f"/api/v3/orders/{number}", json=UPDATE, headers=OURS)
        said = {"status": "ok", "message": f"Order {number} successfully updated.", "order": number}
        assert (answer.status_code, answer.json()) == (200, said)
        driven(database, number, *(["release"] if _ == 0 else []))
    found = http.get(f"/api/v3/orders/{number}", headers=OURS).json()
    assert found["ship_to_city"] == "Santa Ana"
    assert found["status"] == "open"


@pytest.mark.parametrize("events", [["release", "package"], ["release", "package", "ship"]])
def test_what_is_packaged_is_not_updated(http: httpx.Client, database: Engine, events: list[str]) -> None:
    number = placed(http)
    driven(database, number, *events)
    answer = http.put(f"/api/v3/orders/{number}", json=UPDATE, headers=OURS)
    assert answer.status_code == 422
    assert answer.json() == {
        "status": "unprocessable_entity",
        "message": "This order is already packaged or shipped and cannot be updated.",
        "order": number,
    }
    assert http.get(f"/api/v3/orders/{number}", headers=OURS).json()["ship_to_city"] == "Portland"


def test_an_order_is_canceled_once_and_in_time(http: httpx.Client, database: Engine) -> None:
    number = placed(http)
    answer = http.delete(f"/api/v3/orders/{number}", headers=OURS)
    assert answer.json() == {"status": "ok", "message": f"Order {number} successfully canceled.", "order": number}
    refused = {"status": "unprocessable_entity", "message": "This order is already canceled.", "order": number}
    for answer in (
        http.delete(f"/api/v3/orders/{number}", headers=OURS),
        http.put(f"/api/v3/orders/{number}", json=UPDATE, headers=OURS),
    ):
        assert (answer.status_code, answer.json()) == (422, refused)
    for place, events in enumerate((["release"], ["release", "package"], ["release", "package", "ship"])):
        late = placed(http, f"late-{place}")
        driven(database, late, *events)
        answer = http.delete(f"/api/v3/orders/{late}", headers=OURS)
        said = "This order is already in production and cannot be canceled."
        assert answer.json() == {"status": "unprocessable_entity", "message": said, "order": late}


def test_an_order_follows_its_items(http: httpx.Client, database: Engine) -> None:
    words = []
    for purchase_order, events in (("a", ["release"]), ("b", ["release", "package"]), ("c", ["release", "drop"])):
        number = placed(http, purchase_order, items=[SHIRT, SHIRT])
        driven(database, number, *events)
        found = http.get(f"/api/v3/orders/{number}", headers=OURS).json()
        assert "shipped_at" not in found
        words.append((found["status"], {item["workflow_state"] for item in found["items"]}))
    assert words == [("open", {"open"}), ("packaged", {"packaged"}), ("canceled", {"canceled"})]


# --- the list


def test_the_list_is_the_newest_first_by_status_date_and_page(
    http: httpx.Client, database: Engine, clock: Clock
) -> None:
    numbers = []
    for day in range(5):
        clock.at = CREATED + timedelta(days=day)
        numbers.append(placed(http, f"po-{day}"))
    driven(database, numbers[1], "release", "package")

    def listed(query: str) -> list[int]:
        found = http.get(f"/api/v3/orders?{query}", headers=OURS).json()["orders"]
        return [numbers.index(each["order"]["id"]) for each in found]

    assert listed("") == [4, 3, 2, 1, 0]
    assert listed("limit=2") == [4, 3]
    assert listed("limit=2&page=2") == [2, 1]
    assert listed("limit=2&page=4") == []
    assert listed("limit=500") == [4, 3, 2, 1, 0]
    assert listed("order_status=packaged") == listed("order_status=completed") == [1]
    assert listed("order_status=received&limit=1") == [4]
    assert listed("order_status=lost") == []
    assert listed("created_at_min=07-02-2014") == [4, 3, 2]
    assert listed("created_at_max=07-02-2014") == [1, 0]
    assert listed("created_at_min=07-01-2014&created_at_max=07-03-2014") == [2, 1]


def test_a_list_has_two_hundred_orders_at_most(lone: Engine, alone: httpx.Client) -> None:
    with lone.begin() as connection:
        rows = ", ".join(f"('ours', 'po-{number}', '2014-07-01', 0, '{{}}', '{{}}', 0)" for number in range(250))
        columns = "account, purchase_order, created_at, client_amount, ship_to, details, revision"
        connection.execute(text(f"INSERT INTO dream_junction_orders ({columns}) VALUES {rows}"))
        connection.execute(text("DROP TRIGGER orderfsm_dream_junction_order_history_stand"))
        connection.execute(text("UPDATE dream_junction_orders SET code = 'open'"))
    assert len(alone.get("/api/v3/orders", headers=OURS).json()["orders"]) == 100
    assert len(alone.get("/api/v3/orders?limit=1000", headers=OURS).json()["orders"]) == 200
    assert len(alone.get("/api/v3/orders?limit=200&page=2", headers=OURS).json()["orders"]) == 50


# --- who may what


OPERATIONS = {
    "status": ("GET", "/api/v3/orders/{number}"),
    "by purchase order": ("GET", "/api/v3/orders/show?purchase_order=mine"),
    "update": ("PUT", "/api/v3/orders/{number}"),
    "cancel": ("DELETE", "/api/v3/orders/{number}"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_foreign_order_looks_as_if_it_were_not_there(http: httpx.Client, operation: str) -> None:
    number = placed(http, "mine")
    before = http.get(f"/api/v3/orders/{number}", headers=OURS).json()
    method, url = OPERATIONS[operation]
    body = {"json": UPDATE} if method == "PUT" else {}
    foreign = http.request(method, url.format(number=number), headers=OTHERS, **body)
    absent = http.request(method, url.format(number=999_999).replace("mine", "none"), headers=OTHERS, **body)
    assert foreign.status_code == 404
    assert foreign.content == absent.content
    assert http.get("/api/v3/orders", headers=OTHERS).json() == {"orders": []}
    assert http.get(f"/api/v3/orders/{number}", headers=OURS).json() == before


HEADERS = [
    {},
    *(
        {"Authorization": header}
        for header in (
            "",
            "Token",
            "Token token=",
            "Token token=nobody",
            "Bearer kept-secret-of-ours",
            "token token=kept-secret-of-ours",
            "Token token=kept-secret-of-house",
            "Token  token=kept-secret-of-ours",
        )
    ),
]


@pytest.mark.parametrize("operation", [*OPERATIONS, "list", "new"])
def test_without_a_customers_token_nothing_is_told(alone: httpx.Client, operation: str) -> None:
    number = placed(alone, "mine")
    method, url = OPERATIONS.get(operation, ("GET" if operation == "list" else "POST", "/api/v3/orders"))
    body = {"json": NEW if method == "POST" else UPDATE} if method in ("PUT", "POST") else {}
    for headers in HEADERS:
        answer = alone.request(method, url.format(number=number), headers=headers, **body)
        assert answer.status_code == 401, headers
        assert answer.json() == {
            "status": "unauthorized",
            "message": "Please check the Auth Token is valid and present in the HTTP header",
        }
    assert len(alone.get("/api/v3/orders", headers=OURS).json()["orders"]) == 1


def test_a_token_may_be_quoted(alone: httpx.Client) -> None:
    headers = {"Authorization": 'Token token="kept-secret-of-ours"'}
    assert alone.get("/api/v3/orders", headers=headers).json() == {"orders": []}


def test_nobody_assigns_what_the_house_gives(alone: httpx.Client) -> None:
    taken = {"status": "shipped", "account": "others", "id": 7, "client_amount": 0, "shipped_at": "2014-07-01"}
    number = placed(alone, "mine", **taken)
    alone.put(f"/api/v3/orders/{number}", json=UPDATE | taken, headers=OURS)
    found = alone.get(f"/api/v3/orders/{number}", headers=OURS).json()
    assert (found["status"], found["client_amount"], "shipped_at" in found) == ("received", 5.25, False)


# --- hostile input


HOSTILE = {
    "no JSON": b"{",
    "a list": b"[]",
    "NaN": b'{"items": [NaN]}',
    "duplicates": b'{"purchase_order": "a", "purchase_order": "b"}',
    "nested": b"[" * 100_000,
    "a large number": b'{"purchase_order": ' + b"9" * 5_000 + b"}",
    "a number for a text": b'{"purchase_order": 7}',
    "true for a text": b'{"ship_provider": true, "purchase_order": true}',
    "a NUL": b'{"purchase_order": "\\u0000", "ship_provider": "\\u0000"}',
    "a surrogate": b'{"purchase_order": "\\ud800"}',
    "no UTF-8": b'{"purchase_order": "\xff"}',
    "an empty purchase order": json.dumps(NEW | {"purchase_order": "", "ship_provider": 1}).encode(),
    "a long purchase order": json.dumps(NEW | {"purchase_order": "9" * 300, "ship_provider": 1}).encode(),
    "many items": json.dumps(NEW | {"items": [SHIRT] * 501, "ship_provider": 1}).encode(),
    "no quantity": json.dumps(NEW | {"items": [SHIRT | {"quantity": 0}], "ship_provider": 1}).encode(),
    "true for a number": json.dumps(NEW | {"items": [SHIRT | {"quantity": True}], "ship_provider": 1}).encode(),
    "half a shirt": json.dumps(NEW | {"items": [SHIRT | {"quantity": 0.5}], "ship_provider": 1}).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused(alone: httpx.Client, name: str) -> None:
    number = placed(alone, "mine")
    headers = OURS | {"Content-Type": "application/json"}
    for method, url in (("POST", "/api/v3/orders"), ("PUT", f"/api/v3/orders/{number}")):
        answer = alone.request(method, url, content=HOSTILE[name], headers=headers)
        if (method, name) == ("PUT", "a number for a text"):
            continue  # no field of an update
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["status"] in ("bad_request", "unprocessable_entity")
        assert len(answer.content) < 1_000
    assert len(alone.get("/api/v3/orders", headers=OURS).json()["orders"]) == 1


def test_a_large_body_is_refused(alone: httpx.Client) -> None:
    answer = alone.post("/api/v3/orders", content=b"x" * 2_000_000, headers=OURS)
    assert (answer.status_code, answer.json()["status"]) == (413, "request_entity_too_large")


NUMBERS = ["-1", "1e3", "9223372036854775808", "9" * 40, "%00", "x", "' OR 1=1", "\u0661", "1 ", "%2e%2e", "0x1"]


def test_what_is_no_number_is_no_order(alone: httpx.Client) -> None:
    for number in NUMBERS:
        answer = alone.get(f"/api/v3/orders/{number}", headers=OURS)
        assert answer.status_code == (400 if number == "%00" else 404), number


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=99999999999999999999",
        "limit=many",
        "page=0",
        "page=99999999999999999999",
        "created_at_min=2014-07-01",
        "created_at_min=13-45-2014",
        "created_at_max=00-00-0000",
    ],
)
def test_hostile_queries_are_refused(alone: httpx.Client, query: str) -> None:
    answer = alone.get(f"/api/v3/orders?{query}", headers=OURS)
    assert answer.status_code == 422, answer.text
    assert answer.json()["status"] == "unprocessable_entity"


# --- races


def test_of_many_with_one_purchase_order_one_is_placed(http: httpx.Client) -> None:
    answers = together(8, lambda _: http.post("/api/v3/orders", json=NEW, headers=OURS))
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 7
    (number,) = {answer.json()["order"] for answer in answers}
    assert [each["order"]["id"] for each in http.get("/api/v3/orders", headers=OURS).json()["orders"]] == [number]


def test_cancel_against_release_has_one_winner(http: httpx.Client, database: Engine) -> None:
    for turn in range(6):
        number = placed(http, f"po-{turn}")
        refused: list[OrderFsmError] = []

        def release(number: int = number, refused: list[OrderFsmError] = refused) -> None:
            try:
                driven(database, number, "release")
            except OrderFsmError as error:
                refused.append(error)

        thread = threading.Thread(target=release)
        thread.start()
        canceled = http.delete(f"/api/v3/orders/{number}", headers=OURS).status_code
        thread.join()
        word = http.get(f"/api/v3/orders/{number}", headers=OURS).json()["status"]
        assert (canceled, bool(refused), word) in ((200, True, "canceled"), (422, False, "open"))


def together(count: int, ask: Any) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(ask(n))) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_demo_shows_four_states(lone: Engine, alone: httpx.Client) -> None:
    dj.demo(partial(Session, lone), lambda: CREATED)
    with Session(lone) as session:
        words = session.exec(select(dj.PrintOrder.code).order_by(col(dj.PrintOrder.id))).all()
    assert list(words) == ["received", "open", "shipped", "canceled"]
    visible = dj.shelf().visible
    with Session(lone) as session:
        for who, count in ((KEYS["kept-secret-of-house"], 4), (KEYS["kept-secret-of-ours"], 0)):
            assert len(session.exec(select(dj.PrintOrder).where(visible(who))).all()) == count


def test_a_stamp_has_a_space_and_the_offset_of_its_season() -> None:
    from orderfsm.http.dream_junction.shown import stamp

    assert stamp(CREATED, PACIFIC) == "2014-06-30T23:56:24.691 -07:00"
    assert stamp(datetime(2014, 1, 1, tzinfo=UTC), PACIFIC) == "2013-12-31T16:00:00.000 -08:00"
    assert stamp(CREATED, UTC) == "2014-07-01T06:56:24.691 +00:00"
