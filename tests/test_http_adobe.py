"""Adobe's API: every example of its document, placing, returning, previews, and what becomes of lines and orders."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from kept_adobe import CUSTOMER, FOREIGN, LINE, NEW, OFFER, ORDER, PLACED, RETURN, WHO, Api, create, served
from kept_databases import asked_for, new_database
from orderfsm.http import adobe


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Engine]:
    with asked_for(request, tmp_path, create) as found:
        yield found


@pytest.fixture
def api(database: Engine) -> Iterator[Api]:
    with served(database) as found:
        yield found


@pytest.fixture
def lone(tmp_path: Any) -> Iterator[Api]:
    """The same on SQLite alone."""
    with new_database("sqlite", "", tmp_path, create) as found, served(found) as api:
        yield api


def told(answer: Any) -> tuple[int, str]:
    """Status and code of an error, whose shape is Adobe's."""
    assert set(answer.json()) == {"code", "message", "additionalDetails"}, answer.text
    return answer.status_code, answer.json()["code"]


# --- the examples of the document

DETAILS = {
    "externalReferenceId": "759",
    "orderId": "0123456789",
    "customerId": "9876543210",
    "orderType": "NEW",
    "referenceOrderId": "",
    "referencedOrderId": "",
    "currencyCode": "USD",
    "creationDate": "2019-05-02T22:49:54Z",
    "status": "1000",
    "source": "Bridge",
    "lineItems": [
        {
            "extLineItemNumber": 4,
            "offerId": "80004567EA01A12",
            "quantity": 1,
            "subscriptionId": "86756309",
            "status": "1000",
            "currencyCode": "USD",
            "deploymentId": "12345",
        }
    ],
    "links": {
        "self": {
            "uri": "/v3/customers/9876543210/orders/0123456789",
            "method": "GET",
            "headers": [],
        }
    },
}

PROMOTED: dict[str, Any] = {
    "referenceOrderId": "",
    "orderType": "NEW",
    "externalReferenceId": "759",
    "customerId": "9876543210",
    "orderId": "5120008001",
    "currencyCode": "USD",
    "creationDate": "2019-05-02T22:49:54Z",
    "status": "1000",
    "source": "Bridge",
    "lineItems": [
        {
            "extLineItemNumber": 1,
            "offerId": "80004567CA01A12",
            "quantity": 1,
            "status": "1002",
            "subscriptionId": "",
            "currencyCode": "USD",
            "promotions": [{"code": "SUMMER_SALE_123", "result": "SUCCESS"}],
        },
        {
            "extLineItemNumber": 2,
            "offerId": "80004561CA02A12",
            "quantity": 11,
            "status": "1002",
            "subscriptionId": "",
            "currencyCode": "USD",
            "promotions": [{"code": "WINTER_SALE_123", "result": "SUCCESS"}],
        },
    ],
}


def test_the_details_of_an_order_are_those_of_the_example(api: Api) -> None:
    api.stored()
    answer = api.get(f"/{ORDER}", Accept="application/json", Content_Type="application/json")
    assert (answer.status_code, answer.json()) == (200, DETAILS)
    assert list(answer.json()) == list(DETAILS)


def test_the_history_has_the_numbers_and_links_of_the_example(api: Api) -> None:
    for number in range(9):
        api.stored(f"012345678{number}", at=PLACED + timedelta(minutes=number))
    api.clock.pass_(hours=1)
    page = api.get("?offset=3&limit=3").json()
    assert [order.pop("orderId") for order in page["items"]] == ["0123456785", "0123456784", "0123456783"]
    uri = f"/v3/customers/{CUSTOMER}/orders"
    assert {name: page[name] for name in page if name != "items"} == {
        "totalCount": 9,
        "count": 3,  # the example has this number, and two items
        "offset": 3,
        "limit": 3,
        "links": {
            "self": {"uri": f"{uri}?offset=3&limit=3", "method": "GET", "headers": []},
            "next": {"uri": f"{uri}?offset=6&limit=3", "method": "GET", "headers": []},
            "prev": {"uri": f"{uri}?offset=0&limit=3", "method": "GET", "headers": []},
        },
    }


def test_an_order_with_promotions_is_that_of_the_example_but_for_its_status(api: Api) -> None:
    """The example has an order 1000 with lines 1002; an order is 1000 when its lines are."""
    wanted = {"extLineItemNumber", "offerId", "quantity", "currencyCode"}
    lines = [
        {name: line[name] for name in wanted} | {"promotionCodes": [line["promotions"][0]["code"]]}
        for line in PROMOTED["lineItems"]
    ]
    order = api.placed(NEW | {"lineItems": lines})
    number = order["orderId"]
    shown = api.get(f"/{number}").json()
    assert shown == order
    assert shown.pop("links") == {
        "self": {"uri": f"/v3/customers/{CUSTOMER}/orders/{number}", "method": "GET", "headers": []}
    }
    assert shown.pop("referencedOrderId") == ""  # in the first example only
    assert shown == PROMOTED | {"orderId": number, "status": "1002"}


def test_links_of_an_order_lead_to_it(api: Api) -> None:
    order = api.placed()
    answer = api.http.get(order["links"]["self"]["uri"], headers=api.headers())
    assert answer.json() == order


# --- placing


def test_an_order_is_open_until_adobe_fulfils_it(api: Api) -> None:
    order = api.placed()
    assert (order["status"], order["lineItems"][0]["status"], order["lineItems"][0]["subscriptionId"]) == (
        "1002",
        "1002",
        "",
    )
    number = order["orderId"]
    assert number.isdigit()
    assert len(number) == 10
    done = api.event(number, "fulfil", lineItems=[{"extLineItemNumber": 4, "subscriptionId": "86756309"}]).json()
    assert done == DETAILS | {"orderId": number, "links": order["links"]}
    assert api.get(f"/{number}").json() == done


def test_a_second_look_is_free_of_the_first_ones_id(api: Api) -> None:
    """A fulfilled line gets a subscription of its own when Adobe names none."""
    one, two = api.complete(), api.complete()
    ids = {order["lineItems"][0]["subscriptionId"] for order in (one, two)}
    assert len(ids) == 2
    assert all(number.isdigit() for number in ids)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("fail", "1004"),
        ("fail_distributor_inactive", "1020"),
        ("fail_reseller_inactive", "1022"),
        ("fail_customer_inactive", "1024"),
        ("fail_customer_id_invalid", "1026"),
    ],
)
def test_an_order_fails_with_the_code_that_says_why(api: Api, event: str, status: str) -> None:
    order = api.event(api.placed()["orderId"], event).json()
    assert (order["status"], order["lineItems"][0]["status"]) == (status, status)
    for again in ("fulfil", event):
        assert told(api.event(order["orderId"], again)) == (400, "2116")
    assert api.get(f"/{order['orderId']}").json() == order


def two_lines() -> dict[str, Any]:
    return NEW | {"lineItems": [LINE, LINE | {"extLineItemNumber": 7, "offerId": "65322447CA01A12", "quantity": 25}]}


def test_an_order_follows_its_lines(api: Api) -> None:
    number = api.placed(two_lines())["orderId"]
    half = api.event(number, "fulfil", lineItems=[{"extLineItemNumber": 7}]).json()
    assert (half["status"], [line["status"] for line in half["lineItems"]]) == ("1002", ["1002", "1000"])
    failed = api.event(number, "fail_customer_inactive").json()  # the line that is left
    assert (failed["status"], [line["status"] for line in failed["lineItems"]]) == ("1024", ["1024", "1000"])


def test_an_event_is_for_lines_that_there_are(api: Api) -> None:
    number = api.placed()["orderId"]
    assert told(api.event(number, "fulfil", lineItems=[{"extLineItemNumber": 5}])) == (400, "1117")
    assert told(api.event(number, "return")) == (400, "1117")
    assert told(api.event(number, "explode")) == (400, "1117")
    assert told(api.event("0000000000", "fulfil")) == (404, "2115")
    assert api.get(f"/{number}").json()["status"] == "1002"


def test_both_histories_say_who_did_what(api: Api) -> None:
    number = api.complete()["orderId"]
    with api.sessions() as session:
        orders = session.scalars(select(adobe.AdobeOrderHistory).order_by("sequence")).all()
        lines = session.scalars(select(adobe.AdobeLineHistory).order_by("sequence")).all()
    assert [(entry.order_id, entry.event, entry.actor_role, entry.actor_id) for entry in orders] == [
        (number, "open", "partner", "distributor"),
        (number, "fulfil", "system", ""),
    ]
    assert [(entry.event, entry.actor_role, entry.actor_id) for entry in lines] == [
        ("open", "partner", "distributor"),
        ("fulfil", "adobe", "adobe-fulfilment"),
    ]


BAD: dict[str, tuple[dict[str, Any], int, str, list[str]]] = {
    "no type": ({"orderType": None}, 400, "1117", ["orderType"]),
    "a type that is not ordered": ({"orderType": "TRANSFER"}, 400, "1117", ["orderType"]),
    "no lines": ({"lineItems": []}, 400, "1122", ["lineItems"]),
    "an unknown field": ({"hidden": 1}, 400, "1121", []),
    "a reference": ({"referenceOrderId": ORDER}, 400, "1117", ["referenceOrderId"]),
    "a long reference": ({"externalReferenceId": "x" * 36}, 400, "2126", []),
    "no offer": ({"lineItems": [{"extLineItemNumber": 1, "quantity": 1}]}, 400, "1122", ["lineItems[0].offerId"]),
    "no quantity": ({"lineItems": [{"extLineItemNumber": 1, "offerId": "A"}]}, 400, "1122", ["lineItems[0].quantity"]),
    "a quantity of 0": ({"lineItems": [LINE | {"quantity": 0}]}, 400, "2120", ["lineItems[0].quantity"]),
    "too much": ({"lineItems": [LINE | {"quantity": 200_001}]}, 400, "2120", ["lineItems[0].quantity"]),
    "a quantity in text": ({"lineItems": [LINE | {"quantity": "1"}]}, 400, "1117", ["lineItems[0].quantity"]),
    "True for 1": ({"lineItems": [LINE | {"quantity": True}]}, 400, "1117", ["lineItems[0].quantity"]),
    "a number below 0": (
        {"lineItems": [LINE | {"extLineItemNumber": -1}]},
        400,
        "2123",
        ["lineItems[0].extLineItemNumber"],
    ),
    "a number too large": (
        {"lineItems": [LINE | {"extLineItemNumber": 1_000_000}]},
        400,
        "2123",
        ["lineItems[0].extLineItemNumber"],
    ),
    "a number twice": (
        {"lineItems": [LINE, LINE]},
        400,
        "2121",
        ["lineItems[0].extLineItemNumber", "lineItems[1].extLineItemNumber"],
    ),
    "an odd offer": ({"lineItems": [LINE | {"offerId": "<b>"}]}, 400, "2122", ["lineItems[0].offerId"]),
    "two currencies": ({"lineItems": [LINE | {"currencyCode": "EUR"}]}, 400, "2137", ["currencyCode"]),
    "an odd currency": ({"currencyCode": "dollars"}, 400, "1117", ["currencyCode"]),
    "500 lines": ({"lineItems": [LINE | {"extLineItemNumber": number} for number in range(500)]}, 400, "2119", []),
}


@pytest.mark.parametrize("name", BAD)
def test_an_order_that_does_not_fit_is_refused(lone: Api, name: str) -> None:
    wrong, status, code, details = BAD[name]
    answer = lone.post({key: value for key, value in (NEW | wrong).items() if value is not None})
    if name == "no type":
        code = "1122"
    assert (*told(answer), answer.json()["additionalDetails"]) == (status, code, details)
    assert lone.get().json()["totalCount"] == 0


@pytest.mark.parametrize("number", [0, 999_999])
def test_the_numbers_at_the_edges_are_fine(lone: Api, number: int) -> None:
    line = LINE | {"extLineItemNumber": number, "quantity": 200_000}
    order = lone.placed(NEW | {"lineItems": [line], "externalReferenceId": "x" * 35})
    assert (order["lineItems"][0]["extLineItemNumber"], order["lineItems"][0]["quantity"]) == (number, 200_000)


def test_an_order_may_have_499_lines(lone: Api) -> None:
    lines = [LINE | {"extLineItemNumber": number} for number in range(499)]
    order = lone.complete(NEW | {"lineItems": lines})
    assert order["status"] == "1000"
    assert [line["extLineItemNumber"] for line in order["lineItems"]] == list(range(499))


def test_without_a_currency_an_order_has_its_customers(lone: Api) -> None:
    line = {"extLineItemNumber": 1, "offerId": OFFER, "quantity": 1}
    assert lone.placed({"orderType": "NEW", "lineItems": [line]})["currencyCode"] == "USD"
    euros = lone.placed({"orderType": "NEW", "lineItems": [line | {"currencyCode": "EUR"}]})
    assert (euros["currencyCode"], euros["lineItems"][0]["currencyCode"]) == ("EUR", "EUR")


def test_what_is_read_only_is_not_assigned(lone: Api) -> None:
    mine = {"orderId": "1", "customerId": FOREIGN, "status": "1000", "source": "me", "creationDate": "2000-01-01"}
    line = LINE | {"status": "1000", "subscriptionId": "mine", "promotions": [{"code": "FREE"}]}
    order = lone.placed(NEW | mine | {"lineItems": [line]})
    assert len(order.pop("orderId")) == 10
    shown = {name: order[name] for name in ("customerId", "status", "source", "creationDate")}
    assert shown == {
        "customerId": CUSTOMER,
        "status": "1002",
        "source": "Bridge",
        "creationDate": "2019-05-02T22:49:54Z",
    }
    assert order["lineItems"] == [LINE | {"status": "1002", "subscriptionId": ""}]


# --- previews


def counted(api: Api) -> tuple[int | None, ...]:
    tables: tuple[Any, ...] = (adobe.AdobeOrder, adobe.AdobeOrderHistory, adobe.AdobeLine, adobe.AdobeLineHistory)
    with api.sessions() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) for table in tables)


def test_a_preview_is_answered_and_not_stored(api: Api) -> None:
    answer = api.post(NEW | {"orderType": "PREVIEW"})
    assert answer.status_code == 200
    line = LINE | {"status": "", "subscriptionId": ""}
    wanted = DETAILS | {"orderId": "", "orderType": "PREVIEW", "status": "", "lineItems": [line]}
    assert answer.json() == {name: wanted[name] for name in wanted if name != "links"}
    assert counted(api) == (0, 0, 0, 0)
    assert api.get().json()["totalCount"] == 0


def test_what_a_preview_answers_can_be_ordered(lone: Api) -> None:
    preview = lone.post(NEW | {"orderType": "PREVIEW"}).json()
    assert lone.placed(preview | {"orderType": "NEW"})["status"] == "1002"


def test_a_preview_is_judged_like_an_order(lone: Api) -> None:
    wrong = {"orderType": "PREVIEW", "lineItems": [LINE | {"quantity": 0}]}
    assert lone.post(NEW | wrong).json() == lone.post(NEW | wrong | {"orderType": "NEW"}).json()


def test_a_renewal_is_previewed_with_what_the_customer_has(api: Api) -> None:
    assert told(api.post({"orderType": "PREVIEW_RENEWAL"})) == (400, "2136")
    one, two = api.complete(), api.complete()
    shown = api.post({"orderType": "PREVIEW_RENEWAL"})
    assert (shown.status_code, shown.json()["status"], shown.json()["orderId"]) == (200, "", "")
    wanted = {order["lineItems"][0]["subscriptionId"]: "1000" for order in (one, two)}
    assert {line["subscriptionId"]: line["status"] for line in shown.json()["lineItems"]} == wanted


def test_a_renewal_names_a_subscription_of_the_customer(api: Api) -> None:
    subscription = api.complete()["lineItems"][0]["subscriptionId"]
    line = {"extLineItemNumber": 1, "offerId": OFFER, "quantity": 1}
    renewal = {"orderType": "RENEWAL", "externalReferenceId": "759", "currencyCode": "USD"}
    named = api.post(renewal | {"lineItems": [line | {"subscriptionId": f" {subscription} "}]})
    assert (named.status_code, named.json()["lineItems"][0]["subscriptionId"]) == (201, subscription)
    done = api.event(named.json()["orderId"], "fulfil").json()
    assert done["lineItems"][0]["subscriptionId"] == subscription
    assert told(api.post(renewal | {"lineItems": [line]})) == (400, "1122")
    assert told(api.post(renewal | {"lineItems": [line | {"subscriptionId": "86756309"}]})) == (404, "3115")


def test_the_host_may_refuse_an_order_and_its_preview_alike(tmp_path: Any) -> None:
    def review(_: Any, customer: adobe.AdobeCustomer, new: adobe.New) -> None:
        if customer.customer_id == CUSTOMER and any(line.quantity == 13 for line in new.lineItems):
            raise adobe.refusal("2129", "Line Item: 4, Reason: INELIGIBLE_SWITCH")

    with new_database("sqlite", "", tmp_path, create) as database, served(database, review=review) as api:
        for kind in ("NEW", "PREVIEW"):
            answer = api.post(NEW | {"orderType": kind, "lineItems": [LINE | {"quantity": 13}]})
            assert told(answer) == (400, "2129")
            assert answer.json()["additionalDetails"] == ["Line Item: 4, Reason: INELIGIBLE_SWITCH"]
        assert api.post(NEW).status_code == 201


# --- returning


def test_a_return_is_an_order_and_turns_the_original_when_it_is_complete(api: Api) -> None:
    api.stored()
    back = api.placed(RETURN)
    number = back["orderId"]
    assert (back["orderType"], back["referenceOrderId"], back["status"]) == ("RETURN", ORDER, "1002")
    assert back["lineItems"] == [LINE | {"subscriptionId": "", "status": "1002"}]
    assert api.get(f"/{ORDER}").json()["status"] == "1000"
    done = api.event(number, "fulfil").json()
    assert (done["status"], done["lineItems"][0]["subscriptionId"]) == ("1000", "86756309")
    original = api.get(f"/{ORDER}").json()
    assert (original["status"], original["lineItems"][0]["status"]) == ("1008", "1008")
    assert told(api.post(RETURN)) == (400, "2118")


def test_the_other_spelling_of_the_reference_is_taken(lone: Api) -> None:
    lone.stored()
    other = {name: value for name, value in RETURN.items() if name != "referenceOrderId"}
    assert lone.placed(other | {"referencedOrderId": ORDER})["referenceOrderId"] == ORDER


def test_lines_are_returned_one_by_one_and_the_order_with_the_last(api: Api) -> None:
    api.stored(lines=[(4, OFFER, 1), (7, "65322447CA01A12", 25)])
    second = LINE | {"extLineItemNumber": 7, "offerId": "65322447CA01A12", "quantity": 25}
    for lines, status in ([LINE], "1000"), ([second], "1008"):
        api.event(api.placed(RETURN | {"lineItems": lines})["orderId"], "fulfil")
        assert api.get(f"/{ORDER}").json()["status"] == status


def test_a_line_is_returned_once(api: Api) -> None:
    api.stored(lines=[(4, OFFER, 1), (7, OFFER, 1)])
    first = api.placed(RETURN)
    assert told(api.post(RETURN)) == (400, "2133")  # on its way
    api.event(first["orderId"], "fulfil")
    assert told(api.post(RETURN)) == (400, "2133")  # returned


def test_a_line_whose_return_failed_may_be_returned_again(api: Api) -> None:
    api.stored()
    failed = api.event(api.placed(RETURN)["orderId"], "fail").json()
    assert failed["status"] == "1004"
    assert api.get(f"/{ORDER}").json()["status"] == "1000"
    api.event(api.placed(RETURN)["orderId"], "fulfil")
    assert api.get(f"/{ORDER}").json()["status"] == "1008"


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"extLineItemNumber": 5}, "2131", "lineItems[0].extLineItemNumber"),
        ({"offerId": "80004567EA02A12"}, "2130", "lineItems[0].offerId"),
        ({"quantity": 2}, "2132", "lineItems[0].quantity"),
    ],
)
def test_a_returned_line_is_that_of_the_original_and_the_whole_of_it(
    lone: Api, change: dict[str, Any], code: str, place: str
) -> None:
    lone.stored()
    before = counted(lone)
    answer = lone.post(RETURN | {"lineItems": [LINE | change]})
    assert (*told(answer), answer.json()["additionalDetails"]) == (400, code, [place])
    assert counted(lone) == before


@pytest.mark.parametrize(
    ("late", "code"),
    [
        (timedelta(days=14, seconds=-1), "201"),
        (timedelta(days=14), "2117"),
        (timedelta(days=15), "2117"),
    ],
)
def test_the_window_shuts_fourteen_days_after_placing(api: Api, late: timedelta, code: str) -> None:
    number = api.placed()["orderId"]
    api.clock.pass_(days=3)
    api.event(number, "fulfil")
    api.clock.at = PLACED + late
    answer = api.post(RETURN | {"referenceOrderId": number})
    assert str(answer.status_code) == code or told(answer) == (400, code)


def test_the_window_is_open_until_the_second_that_is_shown(lone: Api) -> None:
    lone.clock.pass_(microseconds=999_999)
    order = lone.complete()
    assert order["creationDate"] == "2019-05-02T22:49:54Z"
    lone.clock.at = PLACED + timedelta(days=14)
    answer = lone.post(RETURN | {"referenceOrderId": order["orderId"]})
    assert answer.status_code == 201


@pytest.mark.parametrize("event", ["", "fail", "fail_customer_id_invalid"])
def test_an_order_that_is_not_complete_is_not_returned(lone: Api, event: str) -> None:
    lone.stored(event=event)
    assert told(lone.post(RETURN)) == (400, "2116")


@pytest.mark.parametrize("kind", ["RETURN", "TRANSFER"])
def test_only_new_orders_and_renewals_are_returned(lone: Api, kind: str) -> None:
    lone.stored(type=kind)
    assert told(lone.post(RETURN)) == (400, "2116")


def test_a_renewal_is_returned(lone: Api) -> None:
    lone.stored(type="RENEWAL")
    assert lone.post(RETURN).status_code == 201


def test_a_line_of_a_term_that_is_over_is_not_returned(lone: Api) -> None:
    lone.stored()
    lone.clock.pass_(days=2)
    with lone.sessions() as session:
        session.get_one(adobe.AdobeCustomer, CUSTOMER).current_term_start = PLACED + timedelta(days=1)
        session.commit()
    assert told(lone.post(RETURN)) == (400, "2134")


def test_a_return_says_what_it_returns(lone: Api) -> None:
    lone.stored()
    bare = {name: value for name, value in RETURN.items() if name != "referenceOrderId"}
    assert told(lone.post(bare)) == (400, "1122")
    assert told(lone.post(RETURN | {"lineItems": []})) == (400, "1122")
    assert told(lone.post(RETURN | {"referenceOrderId": "0000000000"})) == (404, "2115")


def test_the_lifecycles_refuse_what_the_api_does(lone: Api) -> None:
    """The database has its say as well: no line turns 1008 that was not complete."""
    lone.stored(event="")
    both = adobe.lives(lone.clock)
    with lone.sessions() as session:
        line = session.get_one(adobe.AdobeLine, (ORDER, 4))
        with pytest.raises(Exception, match="not enabled"):
            both.lines.send(session, line, "return", actor=WHO["adobe"].actor("adobe"))


def test_the_demo_has_an_order_of_each_kind(lone: Api) -> None:
    with lone.sessions() as session:
        session.delete(session.get_one(adobe.AdobeCustomer, CUSTOMER))
        session.commit()
    adobe.demo(lone.sessions)
    adobe.demo(lone.sessions)  # adds to what is there
    with lone.sessions() as session:
        orders = session.scalars(select(adobe.AdobeOrder)).all()
        assert {order.partner_id for order in orders} == {"demo-partner"}
        assert sorted((order.order_type, order.code or "") for order in orders)[::2] == [
            ("NEW", "1000"),
            ("NEW", "1002"),
            ("NEW", "1008"),
            ("NEW", "1022"),
            ("RETURN", "1000"),
        ]
