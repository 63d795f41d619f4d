"""The Ethernet services API, synchronous: every spelling of its document, who may see what, hostile clients."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

import kept_cablelabs as kept
from kept_cablelabs import EXAMPLE, SERVED, WHO, auth, clock, example, placed
from kept_databases import asked_for, new_database
from orderfsm import check, enforcement
from orderfsm.errors import GuardRefused
from orderfsm.http import cablelabs
from orderfsm.http.cablelabs.dates import parse, written
from orderfsm.http.cablelabs.lives import status_request


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    with asked_for(request, tmp_path, cablelabs.create) as made:
        yield made


@pytest.fixture
def http(database: Engine) -> Iterator[httpx.Client]:
    with kept.http(database) as made:
        yield made


@pytest.fixture
def light(tmp_path: Any) -> Iterator[Engine]:
    """SQLite alone, for what has nothing to do with the database."""
    with new_database("sqlite", "", tmp_path, cablelabs.create) as made:
        yield made


@pytest.fixture
def lone(light: Engine) -> Iterator[httpx.Client]:
    with kept.http(light) as made:
        yield made


def errors(*said: str, required: bool = True) -> dict[str, Any]:
    return {
        "orderMessages": [
            {
                "objectType": "orderError",
                "messageInformation": text,
                "severity": "ERROR",
                "correctionRequired": required,
            }
            for text in said
        ]
    }


# --- the examples of the document

BY_ID = ["/orders/status&id={id}", "/orders/status?id={id}", "/orders/status?orderId={id}", "/orders/{id}/status"]
BY_NUMBER = [
    "/orders/status&buyerId=Verizon&sellerId=Cox&buyerPurchaseOrderNumber=PO-12345",
    "/orders/status?buyerId=Verizon&sellerId=Cox&buyerPurchaseOrderNumber=PO-12345",
    "/orders/status?buyerPurchaseOrderNumber=PO-12345&sellerId=Cox&buyerId=Verizon",
    "/orders/status?buyerId=Verizon&buyerPurchaseOrderNumber=PO-12345",
    "/orders/{id}/status?orderId={id}&buyerId=Verizon&sellerId=Cox&buyerPurchaseOrderNumber=PO-12345",
    "/orders/status&id={id}?buyerId=Verizon",
]


def test_the_example_is_served_in_the_words_of_the_schema(http: httpx.Client, database: Engine) -> None:
    example(database)
    answer = http.get("/orders/status&id=ORD-CC-12345", headers=auth("buyer"))
    assert (answer.status_code, answer.json()) == (200, SERVED)
    assert list(answer.json()) == list(EXAMPLE)


@pytest.mark.parametrize("url", BY_ID + BY_NUMBER)
@pytest.mark.parametrize("who", ["buyer", "seller"])
def test_each_spelling_of_the_document_finds_the_order(lone: httpx.Client, light: Engine, url: str, who: str) -> None:
    example(light)
    example(light, id="ORD-CC-99999", pon="PO-99999")
    answer = lone.get(url.format(id="ORD-CC-12345"), headers=auth(who))
    assert (answer.status_code, answer.json()) == (200, SERVED)


def test_a_seller_is_told_under_the_name_that_was_asked_for(lone: httpx.Client, light: Engine) -> None:
    example(light)
    query = "buyerId=Verizon&sellerId=Cox%20Spectrum%20Business&buyerPurchaseOrderNumber=PO-12345"
    for mark in "?&":
        answer = lone.get(f"/orders/status{mark}{query}", headers=auth("buyer"))
        assert answer.json() == SERVED | {"sellerId": "Cox Spectrum Business"}


def test_an_ampersand_in_a_value_is_written_as_in_any_query(lone: httpx.Client, light: Engine) -> None:
    example(light, pon="A&B/C=D")
    query = "buyerId=Verizon&sellerId=Cox&buyerPurchaseOrderNumber=A%26B%2FC%3DD"
    for mark in "?&":
        assert lone.get(f"/orders/status{mark}{query}", headers=auth("buyer")).status_code == 200


# --- what is asked for


@pytest.mark.parametrize(
    "url",
    [
        "/orders/status",
        "/orders/status?",
        "/orders/status?buyerId=Verizon&sellerId=Cox",
        "/orders/status?buyerPurchaseOrderNumber=PO-12345&sellerId=Cox",
        "/orders/status?orderId=",
        "/orders/status?orderId[]=ORD-CC-12345",
        "/orders/status?order_id=ORD-CC-12345",
        "/orders/status?orderId=" + "x" * 101,
        "/orders/" + "x" * 101 + "/status",
        "/orders/status&" + "&".join(f"id={number}" for number in range(30)),
        "/orders/status?orderId=%00",
        "/orders/%00/status",
        "/orders/status&id=%00",
    ],
)
def test_what_says_no_single_order_is_an_invalid_id(lone: httpx.Client, light: Engine, url: str) -> None:
    example(light)
    answer = lone.get(url, headers=auth("buyer"))
    assert answer.status_code == 400
    assert answer.json()["orderMessages"][0] == errors("Invalid ID supplied.")["orderMessages"][0]
    assert "ORD" not in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "/orders/status?orderId=ORD-CC-12345&orderId=ORD-CC-99999",
        "/orders/status?orderId=ORD-CC-12345&id=ORD-CC-99999",
        "/orders/ORD-CC-12345/status?orderId=ORD-CC-99999",
        "/orders/ORD-CC-1/status",
        "/orders/status?orderId=%25",
        "/orders/status?orderId=ORD-CC-1234_",
        "/orders/status?orderId=ord-cc-12345",
        "/orders/status?orderId=ORD-CC-12345&buyerId=Sprint",
        "/orders/status?orderId=ORD-CC-12345&sellerId=Comcast",
        "/orders/status?orderId=ORD-CC-12345&buyerPurchaseOrderNumber=PO-99999",
        "/orders/status?buyerId=Verizon&sellerId=Cox&buyerPurchaseOrderNumber=PO-*",
        "/orders/status?buyerId=Verizon&sellerId=Cox&buyerPurchaseOrderNumber=PO-%25",
        "/orders/status?orderId=%ED%A0%80",
        "/orders/status?orderId=%FF",
        "/orders/status?orderId='%20OR%201=1%20--",
    ],
)
def test_what_fits_no_order_is_not_found(http: httpx.Client, database: Engine, url: str) -> None:
    example(database)
    answer = http.get(url, headers=auth("buyer"))
    assert (answer.status_code, answer.json()) == (404, errors("Instance not found.", required=False))


def test_a_number_that_two_sellers_have_needs_the_seller(lone: httpx.Client, light: Engine) -> None:
    example(light)
    example(light, id="ORD-2", seller_id="Comcast")
    url = "/orders/status?buyerId=Verizon&buyerPurchaseOrderNumber=PO-12345"
    answer = lone.get(url, headers=auth("buyer"))
    assert (answer.status_code, answer.json()["orderMessages"][1]["field"]) == (400, "sellerId")
    assert lone.get(url, headers=auth("seller")).json()["orderId"] == "ORD-CC-12345"
    assert lone.get(url + "&sellerId=Comcast", headers=auth("buyer")).json()["orderId"] == "ORD-2"


def test_an_order_that_was_not_opened_is_not_found(lone: httpx.Client, light: Engine) -> None:
    with Session(light) as session:
        session.add(kept.order())
        session.commit()
    assert lone.get("/orders/ORD-CC-12345/status", headers=auth("buyer")).status_code == 404


# --- who may see what


URLS = [
    "/orders/{id}/status",
    "/orders/status?orderId={id}",
    "/orders/status&id={id}",
    "/orders/status?buyerId={buyer}&sellerId={seller}&buyerPurchaseOrderNumber=PO-12345",
    "/orders/status?buyerId={buyer}&buyerPurchaseOrderNumber=PO-12345",
]
ORDERS = [("ORD-CC-12345", "Verizon", "Cox"), ("ORD-2", "Sprint", "Comcast"), ("ORD-3", "Level3", "Cox")]
SEES = {
    "buyer": {"ORD-CC-12345"},
    "seller": {"ORD-CC-12345", "ORD-3"},
    "other-buyer": {"ORD-2"},
    "other-seller": {"ORD-2"},
    "both": {"ORD-3"},
}


def test_everybody_sees_their_own_orders_and_no_others(lone: httpx.Client, light: Engine) -> None:
    for order, buyer, seller in ORDERS:
        example(light, id=order, buyer_id=buyer, seller_id=seller)
    for who, url, (order, buyer, seller) in itertools.product([*WHO, "unknown", None], URLS, ORDERS):
        headers = {} if who is None else auth(who)
        answer = lone.get(url.format(id=order, buyer=buyer, seller=seller), headers=headers)
        if who not in WHO:
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        elif order in SEES.get(who, ()):
            assert (answer.status_code, answer.json()["orderId"]) == (200, order)
        else:
            absent = lone.get(url.format(id="ORD-0", buyer="Nobody", seller="Nowhere"), headers=headers)
            assert answer.status_code == absent.status_code == 404
            assert answer.content == absent.content
            assert {**answer.headers} | {"date": ""} == {**absent.headers} | {"date": ""}


@pytest.mark.parametrize("header", ["Basic buyer", "buyer", "Bearer", "Bearer buyer x", ""])
def test_a_token_that_is_not_one_is_nobodys(lone: httpx.Client, header: str) -> None:
    answer = lone.get("/orders/x/status", headers={"Authorization": header})
    said = errors("A bearer token that is known here is needed.", required=False)
    assert (answer.status_code, answer.json()) == (401, said)


# --- the status follows the items


@pytest.mark.parametrize(
    ("courses", "status"),
    [
        ([(), ()], "ACKNOWLEDGED"),
        ([("start",), ()], "IN_PROGRESS"),
        ([("start", "complete"), ("start",)], "IN_PROGRESS"),
        ([("start", "request_information"), ("start", "complete")], "PENDING"),
        ([("start", "block"), ("start", "complete")], "HELD"),
        ([("start", "complete"), ("start", "complete")], "COMPLETED"),
        ([("start", "complete"), ("start", "fail")], "PARTIAL"),
        ([("start", "fail"), ("start", "fail")], "FAILED"),
        ([("reject",), ("reject",)], "REJECTED"),
        ([("cancel",), ("cancel",)], "CANCELLED"),
    ],
)
def test_an_order_is_where_its_items_are(
    http: httpx.Client, database: Engine, courses: list[tuple[str, ...]], status: str
) -> None:
    placed(database, *courses)
    found = http.get("/orders/ORD-CC-12345/status", headers=auth("buyer")).json()
    assert found["orderStatus"] == status
    assert [item["orderItemReference"] for item in found["orderItemStatuses"]] == ["01", "02"]


def test_the_buyers_commands_leave_the_items_where_they_are(lone: httpx.Client, light: Engine) -> None:
    life = cablelabs.lives(clock)
    example(light)
    with Session(light) as session:
        found = session.get_one(cablelabs.CableOrder, "ORD-CC-12345")
        life.orders.send(session, found, "cancel", actor=WHO["buyer"].actor("buyer"))
        session.commit()
    shown = lone.get("/orders/ORD-CC-12345/status", headers=auth("buyer")).json()
    assert shown == SERVED | {"orderStatus": "CANCELLED"}


def test_what_the_service_has_stored_is_served_whatever_the_schema_allows(lone: httpx.Client, light: Engine) -> None:
    example(light, version="1.0.0", project_id="x" * 200)
    shown = lone.get("/orders/ORD-CC-12345/status", headers=auth("buyer")).json()
    assert shown == SERVED | {"buyerOrderVersion": "1.0.0", "projectId": "x" * 200}


def test_items_are_told_apart_by_the_text_of_their_reference(lone: httpx.Client, light: Engine) -> None:
    life = cablelabs.lives(clock)
    with Session(light) as session:
        cablelabs.demonstration.place(session, life, kept.order(), ("1", "01"))
        session.commit()
    shown = lone.get("/orders/ORD-CC-12345/status", headers=auth("buyer")).json()["orderItemStatuses"]
    assert [item["orderItemReference"] for item in shown] == ["1", "01"]


# --- dates


@pytest.mark.parametrize(
    ("text", "value", "back"),
    [
        ("2016-10-11", date(2016, 10, 11), None),
        ("2016-10-11T17:20+01:00", datetime(2016, 10, 11, 17, 20, tzinfo=kept.CET), None),
        ("2016-10-11T17:20Z", datetime(2016, 10, 11, 17, 20, tzinfo=UTC), None),
        ("2016-10-11T17:20-05:30", datetime.fromisoformat("2016-10-11T17:20-05:30"), None),
        ("2016-10-11T17:20:59+01:00", datetime(2016, 10, 11, 17, 20, 59, tzinfo=kept.CET), "2016-10-11T17:20+01:00"),
        ("2016-10-11T17:20:00.5Z", datetime(2016, 10, 11, 17, 20, 0, 500_000, UTC), "2016-10-11T17:20Z"),
        ("2016-10-11T17:20:00.123456789Z", datetime(2016, 10, 11, 17, 20, 0, 123_456, UTC), "2016-10-11T17:20Z"),
    ],
)
def test_both_forms_of_a_date_are_read_and_written(text: str, value: Any, back: str | None) -> None:
    assert parse(text) == value
    assert written(value) == (back or text)


@pytest.mark.parametrize(
    "text",
    [
        *("Dog", "", "2016", "2016-10", "20161011", "2016-14-14T13:10+10:10", "2016-02-30", "2016-10-11T17:20"),
        *("2016-10-11T17:20+0100", "2016-10-11T25:00Z", "2016-10-11 17:20Z", "2016-10-11T17:20+25:00"),
        *("2016-10-11T17:20z", "٢٠١٦-10-11", "2016-10-11\n", "2016-10-11T17:20:60Z", "0000-01-01"),
    ],
)
def test_everything_else_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_days_and_moments_are_served_as_they_were_given(http: httpx.Client, database: Engine) -> None:
    given = {
        "requested_completion_date": date(2016, 10, 11),
        "expected_completion_date": datetime(2016, 10, 5, 8, 0, tzinfo=UTC),
        "completion_date": datetime(2016, 10, 5, 8, 0, 59, tzinfo=kept.CET),
        "correction_order_expected": True,
        "correction_order_due_date": date(2016, 10, 6),
    }
    example(database, **given)
    shown = http.get("/orders/ORD-CC-12345/status", headers=auth("buyer")).json()
    assert {name: value for name, value in shown.items() if "Date" in name or name.startswith("correction")} == {
        "requestedCompletionDate": "2016-10-11",
        "expectedCompletionDate": "2016-10-05T08:00Z",
        "completionDate": "2016-10-05T08:00+01:00",
        "correctionOrderExpected": True,
        "correctionOrderDueDate": "2016-10-06",
    }


def test_a_moment_without_an_offset_is_not_stored(light: Engine) -> None:
    with pytest.raises(Exception, match="has no offset from UTC"):
        example(light, requested_completion_date=datetime(2016, 10, 11))


@pytest.mark.parametrize(
    ("due", "at", "expires"),
    [
        (date(2016, 10, 1), datetime(2016, 10, 1, 23, 59, tzinfo=UTC), False),
        (date(2016, 10, 1), datetime(2016, 10, 2, 0, 1, tzinfo=UTC), True),
        (datetime(2016, 10, 1, 12, 0, tzinfo=kept.CET), datetime(2016, 10, 1, 11, 1, tzinfo=UTC), True),
        (datetime(2016, 10, 1, 12, 0, tzinfo=kept.CET), datetime(2016, 10, 1, 10, 59, tzinfo=UTC), False),
        (None, datetime(2017, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_correction_is_due_by_the_end_of_a_day_or_at_a_moment(
    light: Engine, due: Any, at: datetime, expires: bool
) -> None:
    placed(light, ("start", "request_information"), correction_order_due_date=due)
    orders = cablelabs.lives(lambda: at).orders
    with Session(light) as session:
        found = session.get_one(cablelabs.CableOrder, "ORD-CC-12345")
        if expires:
            assert orders.send(session, found, "expire_correction", actor="system").code == "CANCELLED"
        else:
            with pytest.raises(GuardRefused):
                orders.send(session, found, "expire_correction", actor="system")


def test_a_supplement_has_a_version_of_its_own(light: Engine) -> None:
    example(light)
    orders = cablelabs.lives(clock).orders
    with Session(light) as session:
        found = session.get_one(cablelabs.CableOrder, "ORD-CC-12345")
        with pytest.raises(GuardRefused):
            orders.send(session, found, "amend", actor="buyer", payload={"buyerOrderVersion": "1"})
        assert orders.send(session, found, "amend", actor="buyer", payload={"buyerOrderVersion": "2"}).sequence == 3


# --- the rest


def test_openapi_tells_of_each_operation_once(light: Engine) -> None:
    told = kept.app(light).openapi()
    found = {(path, method): one for path, methods in told["paths"].items() for method, one in methods.items()}
    assert {one["operationId"] for one in found.values()} == {
        "cablelabs_status",
        "cablelabs_status_of_order",
        "cablelabs_status_request",
        "cablelabs_status_response",
    }
    assert all(one["tags"] == ["cablelabs"] for one in found.values())
    example_shown = found["/orders/status", "get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert example_shown == SERVED
    assert json.dumps(told)


def test_the_database_enforces_all_four_histories(database: Engine) -> None:
    cablelabs.create(database)  # a second time changes nothing
    pairs = [
        (cablelabs.CableOrder, cablelabs.CableOrderHistory),
        (cablelabs.CableItem, cablelabs.CableItemHistory),
        (cablelabs.CableRequest, cablelabs.CableRequestHistory),
        (cablelabs.CableInquiry, cablelabs.CableInquiryHistory),
    ]
    with database.connect() as connection:
        assert [enforcement.enforced(connection, order, history) for order, history in pairs] == [()] * 4


def test_the_chart_of_status_requests_has_no_findings() -> None:
    assert check(status_request()) == ()


def test_the_demo_has_an_order_in_each_of_seven_states(light: Engine) -> None:
    cablelabs.demo(partial(Session, light), lambda: kept.NOW + timedelta(days=1))
    with Session(light) as session:
        codes = {found.pon: found.code for found in session.scalars(select(cablelabs.CableOrder))}
    assert codes == {
        "PO-1001": "ACKNOWLEDGED",
        "PO-1002": "IN_PROGRESS",
        "PO-1003": "PENDING",
        "PO-1004": "COMPLETED",
        "PO-1005": "PARTIAL",
        "PO-1006": "HELD",
        "PO-1007": "CANCELLED",
    }


def test_pages_show_the_orders_of_whoever_looks(light: Engine) -> None:
    example(light)
    example(light, id="ORD-2", buyer_id="Sprint", seller_id="Comcast")
    shelf = cablelabs.shelf(clock)
    assert shelf.name == "cablelabs/order"
    with Session(light) as session:
        for who in WHO:
            seen = session.scalars(select(cablelabs.CableOrder).where(shelf.visible(WHO[who]))).all()
            assert {found.id for found in seen} == SEES.get(who, set()) & {"ORD-CC-12345", "ORD-2"}
        assert shelf.title(session.get_one(cablelabs.CableOrder, "ORD-2")) == "ORD-2 (PO-12345)"
