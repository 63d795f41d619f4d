"""Record Stack Overflow's API: every example of its document, who may what, and what hostile clients try."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select
from sqlmodel import Session

from kept_databases import asked_for, new_database
from kept_http import client, lent
from orderfsm.http import Principal
from orderfsm.http import record_stack_overflow as rso

BEGAN = datetime(2019, 2, 12, 2, 16, 49, 482_000, UTC)
CUSTOMER, OTHER = "5c6777d1d6a7470017de33c3", "5c6777d1d6a7470017de33ff"
MERCHANT, RIVAL = "5c679751bb102c001706bf0a", "5c679751bb102c001706bfff"
RECORD = "5c679811bb102c001706bf0b"
WHO = {
    "customer": Principal(CUSTOMER, frozenset({"customer"})),
    "other": Principal(OTHER, frozenset({"customer"})),
    "merchant": Principal(MERCHANT, frozenset({"merchant"})),
    "rival": Principal(RIVAL, frozenset({"merchant"})),
    "nobody": Principal("5c6777d1d6a7470017de3300", frozenset({"auditor"})),
}
ACCOUNT = {"username": "customerName", "email": "email@example.com", "firstName": "First", "lastName": "Name"}
FORM = (
    "shipping_address1=123%20Shipping%20Lane&shipping_address2=&shipping_city=Raleigh&shipping_state=NC"
    "&shipping_zip=27615&paypal_email=paypal%40example.com&billing_address1=123%20Billing%20Drive"
    "&billing_address2=Ste.%20%23100&billing_city=Raleigh&billing_state=NC&billing_zip=27615"
    "&comments=This%20is%20a%20comment"
)
UPDATE = (
    "billing_info%5B0%5D%5Bbilling_address1%5D=789%20New%20Billing%20Ave"
    "&billing_info%5B0%5D%5Bbilling_address2%5D=Ste.%20%23950&billing_info%5B0%5D%5Bbilling_city%5D=Boston"
    "&billing_info%5B0%5D%5Bbilling_state%5D=MA&billing_info%5B0%5D%5Bbilling_zip%5D=02101"
    "&comments=Updated%20billing%20address"
)
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}
SHOWN = {
    "status": "In progress",
    "record_id": RECORD,
    "merchant_id": MERCHANT,
    "customer_info": [ACCOUNT],
    "shipping_info": [
        {
            "shipping_address1": "123 Shipping Lane",
            "shipping_address2": "",
            "shipping_city": "Raleigh",
            "shipping_state": "NC",
            "shipping_zip": "27615",
        }
    ],
    "billing_info": [
        {
            "paypal_email": "paypal@example.com",
            "billing_address1": "123 Billing Drive",
            "billing_address2": "Ste. #100",
            "billing_city": "Raleigh",
            "billing_state": "NC",
            "billing_zip": "27615",
        }
    ],
    "comments": ["This is a comment"],
    "_createdBy": CUSTOMER,
    "created_date": "2019-02-12T02:16:49.482Z",
    "__v": 0,
}
CREATE = f"/api/v1/orders/merchants/{MERCHANT}/records/{RECORD}"


class Clock:
    """A minute later with each order."""

    def __init__(self) -> None:
        self._minutes = itertools.count()

    def __call__(self) -> datetime:
        return BEGAN + timedelta(minutes=next(self._minutes) // 2)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    with asked_for(request, tmp_path, rso.create) as made:
        yield made


@pytest.fixture
def http(database: Engine) -> Iterator[httpx.Client]:
    yield from served(database)


@pytest.fixture
def lone(tmp_path: Any) -> Iterator[httpx.Client]:
    """The same on SQLite alone, for what never reaches the database."""
    with new_database("sqlite", "", tmp_path, rso.create) as made:
        yield from served(made)


def served(database: Engine) -> Iterator[httpx.Client]:
    with lent(app, sessions=partial(Session, database), clock=Clock()) as found, client(found) as made:
        yield made


def app(now: Any) -> FastAPI:
    made = FastAPI()
    router = rso.router(
        sessions=lambda: now.sessions(),
        authenticate=WHO.get,
        clock=lambda: now.clock(),
        accounts=lambda _: ACCOUNT,
        records=lambda _, record: record != "5c679811bb102c001706b000",
    )
    made.include_router(router, prefix="/api/v1")
    return made


def auth(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {who}"}


def placed(http: httpx.Client, who: str = "customer", **more: Any) -> dict[str, Any]:
    answer = http.post(CREATE, content=FORM, headers=auth(who) | URLENCODED, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


# --- the examples of the document


def test_the_sample_request_creates_the_sample_order(http: httpx.Client) -> None:
    order = placed(http)
    assert len(order.pop("_id")) == 24
    assert order == SHOWN


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_creating_is_put_in_the_headings_and_post_in_the_sample(lone: httpx.Client, method: str, slash: str) -> None:
    assert lone.request(method, CREATE + slash, content=FORM, headers=auth("customer") | URLENCODED).status_code == 200


def test_json_is_taken_like_a_form(lone: httpx.Client) -> None:
    body = {"shipping_info": SHOWN["shipping_info"], "billing_info": SHOWN["billing_info"][0], "comments": ["a", "b"]}
    order = lone.post(CREATE, json=body, headers=auth("customer")).json()
    assert (order["shipping_info"], order["billing_info"]) == (SHOWN["shipping_info"], SHOWN["billing_info"])
    assert order["comments"] == ["a", "b"]


def test_customers_and_merchants_list_their_orders(http: httpx.Client) -> None:
    orders = [placed(http), placed(http)]
    assert [order["created_date"] for order in orders] == ["2019-02-12T02:16:49.482Z", "2019-02-12T02:17:49.482Z"]
    placed(http, "other")
    url = f"/api/v1/orders/customers/{CUSTOMER}"
    body = {"content": FORM, "headers": auth("customer") | URLENCODED}  # the sample sends one with GET
    assert http.request("GET", url, **body).json() == orders
    assert http.get(f"/api/v1/orders/merchants/{MERCHANT}/", headers=auth("merchant")).json()[:2] == orders


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", [0, 1, 2]),
        ("sort=asc", [0, 1, 2]),
        ("sort=1", [0, 1, 2]),
        ("sort=desc", [2, 1, 0]),
        ("sort=-1", [2, 1, 0]),
        ("limit=2", [0, 1]),
        ("limit=2&offset=1", [1, 2]),
        ("limit=1&offset=1&sort=desc", [1]),
        ("limit=0", []),
        ("offset=3", []),
    ],
)
def test_lists_have_limit_sort_and_offset(lone: httpx.Client, query: str, wanted: list[int]) -> None:
    orders = [placed(lone) for _ in range(3)]
    found = lone.get(f"/api/v1/orders/customers/{CUSTOMER}/?{query}", headers=auth("customer")).json()
    assert found == [orders[number] for number in wanted]


def test_the_sample_update_replaces_the_billing_address(http: httpx.Client) -> None:
    order = placed(http)
    url = f"/api/v1/orders/{order['_id']}"
    changed = http.put(url, content=UPDATE, headers=auth("merchant") | URLENCODED).json()
    address = {
        "billing_address1": "789 New Billing Ave",
        "billing_address2": "Ste. #950",
        "billing_city": "Boston",
        "billing_state": "MA",
        "billing_zip": "02101",
    }
    assert changed == order | {"billing_info": [address], "comments": ["Updated billing address"]}
    assert http.get(f"/api/v1/orders/customers/{CUSTOMER}", headers=auth("customer")).json() == [changed]


def test_delete_cancels_and_says_so(http: httpx.Client, database: Engine) -> None:
    order = placed(http)
    url = f"/api/v1/orders/{order['_id']}/customers/{CUSTOMER}/"
    answer = http.delete(url, headers=auth("customer"))
    assert (answer.status_code, answer.json()) == (200, {"success_message": "Order cancelled", "response_code": 200})
    (kept,) = http.get(f"/api/v1/orders/customers/{CUSTOMER}/", headers=auth("customer")).json()
    assert kept == order | {"status": "Cancelled"}
    with Session(database) as session:
        past = session.scalars(select(rso.RecordOrderHistory).order_by(rso.RecordOrderHistory.sequence)).all()
        assert [(entry.event, entry.actor_role, entry.actor_id) for entry in past] == [
            ("open", "customer", CUSTOMER),
            ("cancel", "customer", CUSTOMER),
        ]


def test_what_has_ended_is_neither_deleted_nor_updated(http: httpx.Client, database: Engine) -> None:
    for event, role, who in (("complete", "merchant", MERCHANT), ("cancel", "customer", CUSTOMER)):
        order = placed(http)
        lifecycle = rso.lifecycle()
        with Session(database) as session:
            row = session.get_one(rso.RecordOrder, order["_id"])
            lifecycle.send(session, row, event, actor=Principal(who).actor(role))
            session.commit()
            word = row.code
        refused = {
            "error_message": f"The order is {word}; orders are changed and deleted only when In progress",
            "response_code": 400,
        }
        deleted = http.delete(f"/api/v1/orders/{order['_id']}/customers/{CUSTOMER}", headers=auth("customer"))
        updated = http.put(f"/api/v1/orders/{order['_id']}", content=UPDATE, headers=auth("merchant") | URLENCODED)
        for answer in (deleted, updated):
            assert (answer.status_code, answer.json()) == (400, refused)
        shown = http.get(f"/api/v1/orders/customers/{CUSTOMER}?sort=desc", headers=auth("customer")).json()
        assert order | {"status": word} in shown


# --- who may what


def asked(http: httpx.Client, operation: str, who: str | None, order: str, customer: str, merchant: str) -> Any:
    headers = {} if who is None else auth(who)
    if operation == "create":
        url = f"/api/v1/orders/merchants/{merchant}/records/{RECORD}"
        return http.put(url, content=FORM, headers=headers | URLENCODED)
    if operation == "of customer":
        return http.get(f"/api/v1/orders/customers/{customer}", headers=headers)
    if operation == "of merchant":
        return http.get(f"/api/v1/orders/merchants/{merchant}", headers=headers)
    if operation == "update":
        return http.put(f"/api/v1/orders/{order}", content=UPDATE, headers=headers | URLENCODED)
    return http.delete(f"/api/v1/orders/{order}/customers/{customer}", headers=headers)


MAY = {
    "create": {"customer": 200, "other": 200},
    "of customer": {"customer": 200, "other": 404},
    "of merchant": {"merchant": 200, "rival": 404},
    "update": {"merchant": 200, "rival": 404},
    "delete": {"customer": 200, "other": 404},
}


@pytest.mark.parametrize("operation", MAY)
@pytest.mark.parametrize("who", [*WHO, "unknown", None])
def test_everybody_gets_what_the_document_gives_him(lone: httpx.Client, operation: str, who: str | None) -> None:
    order = placed(lone)
    answer = asked(lone, operation, who, order["_id"], CUSTOMER, MERCHANT)
    wanted = MAY[operation].get(who or "", 401)
    assert answer.status_code == wanted
    if wanted != 200:
        assert answer.json()["response_code"] == wanted
        kept = lone.get(f"/api/v1/orders/customers/{CUSTOMER}", headers=auth("customer")).json()
        assert kept == [order]


@pytest.mark.parametrize(("operation", "who"), [("update", "rival"), ("delete", "other"), ("of customer", "other")])
def test_what_is_foreign_looks_as_if_it_were_not_there(http: httpx.Client, operation: str, who: str) -> None:
    order = placed(http)
    own = OTHER if operation == "delete" else CUSTOMER
    foreign = asked(http, operation, who, order["_id"], own, MERCHANT)
    absent = asked(http, operation, who, "5c68a588fc924b0017000000", "5c6777d1d6a7470017d00000", MERCHANT)
    own_id = asked(http, operation, who, "5c68a588fc924b0017000000", own, MERCHANT)
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content in (absent.content, own_id.content)
    assert http.get(f"/api/v1/orders/customers/{CUSTOMER}", headers=auth("customer")).json() == [order]


@pytest.mark.parametrize(
    "header", ["Bearer  customer", "bearer customer", "customer", "Bearer", "Bearer customer x", ""]
)
def test_a_token_comes_after_exactly_one_space(lone: httpx.Client, header: str) -> None:
    answer = lone.get(f"/api/v1/orders/customers/{CUSTOMER}", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error_message"]) == (401, "Unauthorized user")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_record_that_is_not_for_sale_is_absent(lone: httpx.Client) -> None:
    url = f"/api/v1/orders/merchants/{MERCHANT}/records/5c679811bb102c001706b000"
    answer = lone.put(url, content=FORM, headers=auth("customer") | URLENCODED)
    assert answer.json() == {"error_message": "Record not found. Check the record id", "response_code": 404}
    other = FORM + f"&merchant_info[0][merchant_id]={RIVAL}"
    assert lone.put(CREATE, content=other, headers=auth("customer") | URLENCODED).status_code == 404


def test_nobody_assigns_what_the_system_gives(http: httpx.Client) -> None:
    taken = {
        "status": "Completed",
        "_createdBy": OTHER,
        "merchant_id": MERCHANT,
        "__v": 7,
        "created_date": "2001-01-01",
    }
    body = {"shipping_info": SHOWN["shipping_info"][0], "billing_info": SHOWN["billing_info"][0], **taken}
    order = http.post(CREATE, json=body, headers=auth("customer")).json()
    assert {name: order[name] for name in SHOWN} == SHOWN | {"comments": []}
    url = f"/api/v1/orders/{order['_id']}"
    changed = http.put(url, json=taken | {"merchant_id": RIVAL, "comments": "mine"}, headers=auth("merchant")).json()
    assert changed == order | {"comments": ["mine"]}


# --- hostile input


HOSTILE: dict[str, Callable[[], bytes]] = {
    "no JSON": lambda: b"{",
    "a list": lambda: b"[]",
    "NaN": lambda: b'{"comments": [NaN]}',
    "duplicates": lambda: b'{"comments": "a", "comments": "b"}',
    "nested": lambda: b'{"comments": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a large number": lambda: b'{"comments": [' + b"9" * 5_000 + b"]}",
    "a number": lambda: b'{"comments": [true]}',
    "a NUL": lambda: b'{"comments": ["\\u0000"]}',
    "a surrogate": lambda: b'{"comments": ["\\ud800"]}',
    "no UTF-8": lambda: b'{"comments": ["\xff"]}',
    "a long text": lambda: json.dumps({"comments": ["x" * 3_000]}).encode(),
    "many comments": lambda: json.dumps({"comments": ["x"] * 1_000}).encode(),
    "no group": lambda: b'{"billing_info": "here"}',
    "two of a group": lambda: b'{"billing_info": [{}, {}]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_without_an_echo(lone: httpx.Client, name: str) -> None:
    order = placed(lone)
    for url, method, who in ((CREATE, "PUT", "customer"), (f"/api/v1/orders/{order['_id']}", "PUT", "merchant")):
        headers = auth(who) | {"Content-Type": "application/json"}
        answer = lone.request(method, url, content=HOSTILE[name](), headers=headers)
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"error_message", "response_code"}
        assert len(answer.content) < 1_000


def test_a_large_body_is_refused_before_it_is_read(lone: httpx.Client) -> None:
    headers = auth("customer") | URLENCODED
    assert lone.put(CREATE, content=b"x" * 2_000_000, headers=headers).status_code == 413
    assert lone.put(CREATE, content=iter([b"x" * 1_000_000] * 3), headers=headers).status_code == 413


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=99999999999999999999", "limit=x", "sort=up", "offset=-1", "offset=9e9", "sort=%00"]
)
def test_hostile_queries_are_refused(lone: httpx.Client, query: str) -> None:
    answer = lone.get(f"/api/v1/orders/customers/{CUSTOMER}?{query}", headers=auth("customer"))
    assert (answer.status_code, answer.json()["response_code"]) == (400, 400)


def test_hostile_forms_are_refused(lone: httpx.Client) -> None:
    for body in ("comments=%00", "&".join(f"x{number}=1" for number in range(500)), "comments=" + "x" * 3_000):
        answer = lone.put(CREATE, content=FORM + "&" + body, headers=auth("customer") | URLENCODED)
        assert answer.status_code == 400, answer.text
    files = {"comments": ("a.txt", b"x")}
    assert lone.put(CREATE, files=files, headers=auth("customer")).status_code == 400
    assert lone.put(CREATE, content=b"<a/>", headers=auth("customer") | {"Content-Type": "text/xml"}).status_code == 400


# --- races


def test_of_many_deletes_one_wins(http: httpx.Client, database: Engine) -> None:
    order = placed(http)
    url = f"/api/v1/orders/{order['_id']}/customers/{CUSTOMER}"
    statuses: list[int] = []

    def delete() -> None:
        statuses.append(http.delete(url, headers=auth("customer")).status_code)

    threads = [threading.Thread(target=delete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]
    with Session(database) as session:
        assert len(session.scalars(select(rso.RecordOrderHistory)).all()) == 2


def test_the_demo_has_one_of_each(tmp_path: Any) -> None:
    with new_database("sqlite", "", tmp_path, rso.create) as made:
        rso.demo(partial(Session, made))
        with Session(made) as session:
            assert sorted(order.code or "" for order in session.scalars(select(rso.RecordOrder))) == [
                "Cancelled",
                "Completed",
                "In progress",
            ]
