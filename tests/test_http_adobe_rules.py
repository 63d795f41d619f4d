"""Adobe's API: what may be searched, who may what, which answer comes twice, and what hostile clients try."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from kept_adobe import CUSTOMER, FOREIGN, LINE, NEW, OFFER, ORDER, OTHER, PLACED, RETURN, WHO, Api, create, served
from kept_databases import asked_for, new_database
from orderfsm.errors import GuardFailed
from orderfsm.http import adobe
from orderfsm.sqlmodel import engine


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


# --- searching

SHELF: dict[str, dict[str, Any]] = {  # by id: what differs from a complete NEW order, each a day after the last
    "a": {},
    "b": {"event": ""},
    "c": {"event": "fail", "type": "RENEWAL"},
    "d": {"event": "fail_customer_id_invalid", "lines": [(1, "OTHER1", 2), (2, OFFER, 1)]},
    "e": {"type": "RETURN", "reference_order_id": "a", "event": ""},
    "f": {"event": "fail_reseller_inactive", "lines": [(1, "OTHER1", 2)], "reseller_id": "second"},
}


@pytest.fixture
def shelf(api: Api) -> Api:
    """Six orders of the customer, one of another customer of the partner, one that another partner placed before."""
    for days, (name, more) in enumerate(SHELF.items()):
        api.stored(name, **{"at": PLACED + timedelta(days=days)} | more)
    api.stored("other", customer=OTHER)
    api.stored("before", partner="rival")
    api.clock.pass_(days=10)
    return api


SEARCHES = [
    ("", "fedcba"),
    ("?order-type=NEW", "fdba"),
    ("?order-type=RENEWAL", "c"),
    ("?order-type=TRANSFER", ""),
    ("?order-type=RETURN", "e"),
    ("?order-type=NEW&order-type=RENEWAL", "fdcba"),
    ("?status=1000", "a"),
    ("?status=1000&status=1002", "eba"),
    ("?status=1004", "c"),
    ("?status=1026", "d"),
    ("?status=1022", "f"),
    ("?status=1000&status=1002&order-type=NEW", "ba"),
    (f"?offer-id={OFFER}", "edcba"),
    ("?offer-id=OTHER1", "fd"),
    (f"?offer-id=OTHER1&offer-id={OFFER}", "fedcba"),
    ("?offer-id=NOBODYS", ""),
    ("?offer-id=OTHER1&status=1026", "d"),
    ("?reseller-id=second", "f"),
    ("?reseller-id=reseller&status=1002", "eb"),
    ("?reseller-id=nobody", ""),
    ("?reference-order-id=a", "e"),
    ("?reference-order-id=a&order-type=NEW", ""),
    ("?start-date=2019-05-04T22:49:54Z", "fedc"),
    ("?start-date=2019-05-04T22:49:55Z", "fed"),
    ("?start-date=2019-05-05", "fed"),
    ("?end-date=2019-05-02", ""),  # midnight: the rest of the day is left out
    ("?end-date=2019-05-03", "a"),
    ("?end-date=2019-05-03T22:49:54Z", "ba"),
    ("?end-date=2019-05-03T22:49:53Z", "a"),
    ("?start-date=2019-05-04&end-date=2019-05-05", "c"),
    ("?start-date=2019-05-05&end-date=2019-05-04", ""),
    ("?start-date=0001-01-01&end-date=9999-12-31T23:59:59Z", "fedcba"),
    ("?limit=2", "fe"),
    ("?limit=2&offset=1", "ed"),
    ("?limit=2&offset=5", "a"),
    ("?limit=2&offset=6", ""),
    ("?limit=1&offset=1&status=1002", "b"),
    ("?fetch-price=true", "fedcba"),
]


def test_filters_are_and_values_are_or(shelf: Api) -> None:
    for query, wanted in SEARCHES:
        page = shelf.get(query).json()
        assert "".join(order["orderId"] for order in page["items"]) == wanted, query
        assert page["count"] == len(wanted)


UNFIT = [
    "order-type=new",
    "order-type=PREVIEW",
    "order-type=NEW,RENEWAL",
    "order-type=",
    "order-type=NEW&order-type=OLD",
    "status=10002",
    "status=1009",
    "status=",
    "status=1000,1002",
    "status=complete",
    "offer-id=",
    "offer-id=%27%20OR%201%3D1",
    "offer-id=" + "x" * 65,
    "reseller-id=a&reseller-id=b",
    "reference-order-id=a&reference-order-id=b",
    "start-date=2019-05-02&start-date=2019-05-03",
    "start-date=2019-05-02T22:49:54%2B01:00",
    "start-date=2019-05-02T22:49:54+01:00",
    "start-date=2019-05-02T22:49:54",
    "start-date=2019-05-02T22:49Z",
    "start-date=2019-05-02t22:49:54z",
    "start-date=2019-02-29",
    "start-date=2019-05-02T24:00:00Z",
    "start-date=20190502",
    "start-date=2019-W18-4",
    "end-date=yesterday",
    "end-date=%D9%A2%D9%A0%D9%A1%D9%A9-05-02",
    "limit=0",
    "limit=-1",
    "limit=1.5",
    "limit=ten",
    "limit=",
    "limit=%2B5",
    "limit=5&limit=6",
    "limit=%D9%A5",
    "offset=-1",
    "offset=x",
    "offset=" + "9" * 5_000,
]


def test_a_value_that_does_not_fit_is_error_1132(lone: Api) -> None:
    for query in UNFIT:
        answer = lone.get(f"?{query}")
        assert told(answer) == (400, "1132"), query
        assert answer.json()["additionalDetails"] == [query.partition("=")[0]]


def test_a_larger_limit_is_the_largest(lone: Api) -> None:
    for limit in ("100", "101", "500", "999999999999999999"):
        page = lone.get(f"?limit={limit}").json()
        assert page["limit"] == 100
        assert "limit=100" in page["links"]["self"]["uri"]
    assert lone.get().json()["limit"] == 25


@pytest.mark.parametrize("total", [0, 3])
def test_the_offset_goes_up_to_the_total(api: Api, total: int) -> None:
    for number in range(total):
        api.stored(f"{number}")
    at_the_end = api.get(f"?offset={total}")
    assert (at_the_end.status_code, at_the_end.json()["items"], at_the_end.json()["totalCount"]) == (200, [], total)
    assert told(api.get(f"?offset={total + 1}")) == (400, "1133")
    assert told(api.get("?offset=999999999999999999")) == (400, "1133")


@pytest.mark.parametrize(
    ("offset", "limit", "links"),
    [
        (0, 3, {"next": 3}),
        (3, 3, {"next": 6, "prev": 0}),
        (6, 3, {"prev": 3}),
        (9, 3, {"prev": 6}),
        (0, 9, {}),
        (0, 8, {"next": 8}),
        (2, 5, {"next": 7, "prev": 0}),
        (5, 4, {"prev": 1}),
    ],
)
def test_links_lead_to_pages_that_there_are(lone: Api, offset: int, limit: int, links: dict[str, int]) -> None:
    for number in range(9):
        lone.stored(f"{number}", event="")
    page = lone.get(f"?offset={offset}&limit={limit}&status=1002&status=1000&start-date=2019-05-02").json()
    rest = f"&limit={limit}"
    filters = "status=1002&status=1000&start-date=2019-05-02&"
    assert {name: link["uri"] for name, link in page["links"].items()} == {
        name: f"/v3/customers/{CUSTOMER}/orders?{filters}offset={at}{rest}"
        for name, at in (links | {"self": offset}).items()
    }


def test_following_the_links_finds_every_order_once(api: Api) -> None:
    """Orders of one second are in an order that does not change."""
    wanted = {str(number) for number in range(10)}
    for number in wanted:
        api.stored(number)
    url, found = f"/v3/customers/{CUSTOMER}/orders?limit=3", list[str]()
    while url:
        page = api.http.get(url, headers=api.headers()).json()
        found += [order["orderId"] for order in page["items"]]
        url = page["links"].get("next", {}).get("uri", "")
    assert (len(found), set(found)) == (10, wanted)


def test_the_history_begins_with_the_current_term(lone: Api) -> None:
    with lone.sessions() as session:
        term = session.get_one(adobe.AdobeCustomer, CUSTOMER).current_term_start
    lone.stored("old", at=term - timedelta(seconds=1))
    lone.stored("new", at=term)
    assert [order["orderId"] for order in lone.get().json()["items"]] == ["new"]
    both = lone.get("?start-date=2019-01-01").json()
    assert [order["orderId"] for order in both["items"]] == ["new", "old"]


def test_an_order_is_found_by_the_date_that_it_shows(lone: Api) -> None:
    lone.clock.pass_(microseconds=999_999)
    shown = lone.placed()["creationDate"]
    lone.clock.pass_(days=1)
    for query in (f"?start-date={shown}", f"?end-date={shown}", f"?start-date={shown}&end-date={shown}", ""):
        assert lone.get(query).json()["totalCount"] == 1


def test_orders_of_one_moment_are_newest_first(lone: Api) -> None:
    numbers = []
    for _ in range(4):
        lone.clock.pass_(microseconds=1)
        numbers.append(lone.placed()["orderId"])
    assert [order["orderId"] for order in lone.get().json()["items"]] == numbers[::-1]


# --- headers


def without(api: Api, header: str, **more: str) -> httpx.Response:
    headers = {name: value for name, value in api.headers().items() if name != header} | more
    return api.http.get(f"/v3/customers/{CUSTOMER}/orders", headers=headers)


@pytest.mark.parametrize(
    ("header", "value", "wanted"),
    [
        ("Authorization", None, (401, "4117")),
        ("Authorization", "Bearer nonsense", (401, "4116")),
        ("Authorization", "Bearer", (401, "4116")),
        ("Authorization", "Bearer  partner", (401, "4116")),
        ("Authorization", "bearer partner", (401, "4116")),
        ("Authorization", "Basic partner", (401, "4116")),
        ("X-Api-Key", None, (403, "4115")),
        ("X-Api-Key", "", (403, "4115")),
        ("X-Correlation-Id", None, (400, "4119")),
        ("X-Correlation-Id", "", (400, "4119")),
        ("X-Correlation-Id", "two words", (400, "4119")),
        ("X-Correlation-Id", "x" * 256, (400, "4119")),
        ("X-Request-Id", "two words", (400, "1117")),
        ("X-Request-Id", "x" * 256, (400, "1117")),
        ("Accept", "text/html", (400, "1117")),
    ],
)
def test_headers_that_do_not_fit_are_refused(lone: Api, header: str, value: str | None, wanted: Any) -> None:
    answer = without(lone, header, **({} if value is None else {header: value}))
    assert told(answer) == wanted
    assert answer.headers["x-request-id"]
    assert ("www-authenticate" in answer.headers) == (wanted[0] == 401)


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html, application/json;q=0.9", "application/*"])
def test_json_may_be_accepted_in_several_ways(lone: Api, accept: str) -> None:
    assert without(lone, "Accept", Accept=accept).status_code == 200


def test_a_body_is_said_to_be_json(lone: Api) -> None:
    url, body = f"/v3/customers/{CUSTOMER}/orders", json.dumps(NEW).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = lone.http.post(url, content=body, headers=lone.headers() | {"Content-Type": kind})
        assert (*told(answer), answer.json()["additionalDetails"]) == (400, "1117", ["Content-Type"])
    kind = "application/json; charset=utf-8"
    assert lone.http.post(url, content=body, headers=lone.headers() | {"Content-Type": kind}).status_code == 201


def test_a_correlation_id_comes_once(lone: Api) -> None:
    twice = [*lone.headers().items(), ("X-Correlation-Id", "another")]
    assert told(lone.http.get(f"/v3/customers/{CUSTOMER}/orders", headers=twice)) == (400, "4119")


def test_an_api_key_may_be_the_partners_own(tmp_path: Any) -> None:
    def accepts(who: Any, key: str) -> bool:
        return key == f"key-of-{who.id}"

    with new_database("sqlite", "", tmp_path, create) as database, served(database, accepts=accepts) as api:
        assert told(api.get()) == (403, "4115")
        assert api.get(X_Api_Key="key-of-distributor").status_code == 200
        assert told(api.get(X_Api_Key="key-of-rival")) == (403, "4115")


def test_the_request_id_is_echoed_or_made(lone: Api) -> None:
    assert lone.get(X_Request_Id="mine-1").headers["x-request-id"] == "mine-1"
    ids = {lone.get().headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert lone.get(who="stranger", X_Request_Id="mine-2").headers["x-request-id"] == "mine-2"


def test_a_request_id_is_used_once(api: Api) -> None:
    assert api.get(X_Request_Id="mine").status_code == 200
    assert told(api.get(X_Request_Id="mine")) == (400, "4120")
    assert told(api.post(NEW, X_Request_Id="mine")) == (400, "4120")
    assert api.get().json()["totalCount"] == 0
    assert api.get(who="rival", customer=FOREIGN, X_Request_Id="mine").status_code == 200


def test_after_a_duplicate_request_id_the_intent_is_still_free(api: Api) -> None:
    api.get(X_Request_Id="mine")
    assert told(api.post(NEW, X_Request_Id="mine", X_Correlation_Id="intent")) == (400, "4120")
    assert api.post(NEW, X_Request_Id="another", X_Correlation_Id="intent").status_code == 201


# --- the same answer


def test_an_intent_is_carried_out_once(api: Api) -> None:
    first = api.post(NEW, X_Correlation_Id="intent", X_Request_Id="one")
    for request in ("one", "two"):
        again = api.post(NEW, X_Correlation_Id="intent", X_Request_Id=request)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["x-request-id"] == request
    assert api.get().json()["totalCount"] == 1


def test_the_first_answer_comes_back_whatever_is_sent_with_its_id(api: Api) -> None:
    """ "Any subsequent requests to the same API with the same Correlation ID will receive the same response"."""
    first = api.post(NEW, X_Correlation_Id="intent")
    other = api.post(NEW | {"externalReferenceId": "760"}, X_Correlation_Id="intent")
    broken = api.post({"no": "order"}, X_Correlation_Id="intent")
    assert first.content == other.content == broken.content
    assert first.json()["externalReferenceId"] == "759"


def test_refusals_come_back_as_well(api: Api) -> None:
    wrong: dict[str, Any] = {
        "1122": {"orderType": "NEW"},
        "1121": NEW | {"more": 1},
        "1117": NEW | {"orderType": "OLD"},
        "2120": NEW | {"lineItems": [LINE | {"quantity": 0}]},
        "2115": RETURN,
    }
    for code, body in wrong.items():
        refused = api.post(body, X_Correlation_Id=code)
        again = api.post(NEW, X_Correlation_Id=code)
        assert (again.status_code, again.content) == (refused.status_code, refused.content)
        assert told(again)[1] == code
    assert api.get().json()["totalCount"] == 0
    missing = api.get(f"/{ORDER}", X_Correlation_Id="look")
    api.stored()
    assert api.get(f"/{ORDER}", X_Correlation_Id="look").content == missing.content
    assert told(missing) == (404, "2115")
    assert api.get(f"/{ORDER}").status_code == 200


def test_looking_again_under_an_id_shows_the_same_picture(api: Api) -> None:
    number = api.placed()["orderId"]
    first = api.get(f"/{number}", X_Correlation_Id="look")
    api.event(number, "fulfil")
    assert api.get(f"/{number}", X_Correlation_Id="look").content == first.content
    assert api.get(f"/{number}").json()["status"] == "1000"


def test_an_id_is_for_one_operation_and_one_principal(api: Api) -> None:
    mine = api.post(NEW, X_Correlation_Id="intent").json()
    assert "totalCount" in api.get(X_Correlation_Id="intent").json()
    assert api.get(f"/{mine['orderId']}", X_Correlation_Id="intent").json() == mine
    other = api.post(NEW, customer=OTHER, X_Correlation_Id="intent").json()
    rivals = api.post(NEW, who="rival", customer=FOREIGN, X_Correlation_Id="intent").json()
    assert len({order["orderId"] for order in (mine, other, rivals)}) == 3


def test_after_ten_days_an_id_is_new(api: Api) -> None:
    first = api.post(NEW, X_Correlation_Id="intent", X_Request_Id="call")
    api.clock.pass_(days=10, seconds=-1)
    assert api.post(NEW, X_Correlation_Id="intent").content == first.content
    assert told(api.get(X_Request_Id="call")) == (400, "4120")
    api.clock.pass_(seconds=1)
    second = api.post(NEW, X_Correlation_Id="intent", X_Request_Id="call")
    assert second.status_code == 201
    assert second.json()["orderId"] != first.json()["orderId"]


def answers(api: Api) -> int:
    with api.sessions() as session:
        return session.scalar(select(func.count()).select_from(adobe.AdobeAnswer)) or 0


def test_old_answers_are_swept_by_whoever_comes_by(api: Api) -> None:
    for _ in range(5):
        api.get()
    api.clock.pass_(days=9)
    api.get()
    assert answers(api) == 6
    api.clock.pass_(days=1, hours=1)
    api.get()
    assert answers(api) == 2


def test_old_answers_are_forgotten_on_request(api: Api) -> None:
    for number in range(3):
        api.clock.at = PLACED + timedelta(days=number)
        api.get()
    assert adobe.forget(api.sessions, PLACED + timedelta(days=1)) == 2
    assert answers(api) == 1


def test_an_answer_is_kept_with_what_it_tells_or_not_at_all(database: Engine) -> None:
    """A transaction that is broken off leaves neither an order nor an answer, and the intent is free."""
    broken = []

    class Broken(Session):
        def commit(self) -> None:
            if not broken:
                broken.append(self.scalar(select(func.count()).select_from(adobe.AdobeAnswer)))
                raise GuardFailed("it ends here")
            super().commit()

    with served(database, sessions=partial(Broken, database)) as api:
        assert told(api.post(NEW, X_Correlation_Id="intent", X_Request_Id="call")) == (500, "1124")
        assert broken == [1]
        assert answers(api) == 0
        first = api.post(NEW, X_Correlation_Id="intent", X_Request_Id="call")
        assert (first.status_code, api.get().json()["totalCount"]) == (201, 1)


def test_a_principal_has_so_many_intents_a_minute(database: Engine) -> None:
    with served(database, per_minute=3) as api:
        first = api.post(NEW, X_Correlation_Id="intent")
        for _ in range(2):
            api.get()
        slow = api.post(NEW, X_Correlation_Id="later")
        assert told(slow) == (429, "4118")
        assert slow.headers["retry-after"] == "60"
        assert api.post(NEW, X_Correlation_Id="intent").content == first.content
        assert api.get(who="rival", customer=FOREIGN).status_code == 200
        api.clock.pass_(minutes=1)
        assert api.post(NEW, X_Correlation_Id="later").status_code == 201


def test_whoever_lost_a_customer_gets_no_kept_answer(api: Api) -> None:
    api.stored()
    assert api.get(f"/{ORDER}", X_Correlation_Id="look").status_code == 200
    with api.sessions() as session:
        session.get_one(adobe.AdobeCustomer, CUSTOMER).partner_id = "rival"
        session.commit()
    assert told(api.get(f"/{ORDER}", X_Correlation_Id="look")) == (404, "2115")
    assert told(api.get(f"/{ORDER}", who="rival", X_Correlation_Id="look")) == (404, "2115")  # placed by another
    assert api.get(who="rival").json()["totalCount"] == 0
    assert api.event(ORDER, "fulfil").status_code == 400  # Adobe sees it all the same, and it is complete


def test_who_is_not_known_any_more_gets_no_kept_answer(lone: Api) -> None:
    headers = lone.headers(X_Correlation_Id="intent")
    url = f"/v3/customers/{CUSTOMER}/orders"
    assert lone.http.get(url, headers=headers).status_code == 200
    assert told(lone.http.get(url, headers=headers | {"Authorization": "Bearer revoked"})) == (401, "4116")
    assert told(lone.http.get(url, headers=headers | {"X-Api-Key": ""})) == (403, "4115")
    assert told(lone.http.get(url, headers=headers | {"Authorization": "Bearer nobody"})) == (403, "4121")


# --- who may what


OPERATIONS: dict[str, Callable[[Api, str, str, str], httpx.Response]] = {
    "details": lambda api, who, customer, order: api.get(f"/{order}", who, customer),
    "history": lambda api, who, customer, _: api.get("", who, customer),
    "create": lambda api, who, customer, _: api.post(NEW, who, customer),
    "preview": lambda api, who, customer, _: api.post(NEW | {"orderType": "PREVIEW"}, who, customer),
    "return": lambda api, who, customer, order: api.post(RETURN | {"referenceOrderId": order}, who, customer),
    "event": lambda api, who, customer, order: api.event(order, "fulfil", who, customer),
}
GOOD = {"details": 200, "history": 200, "create": 201, "preview": 200, "return": 201, "event": 200}
ABSENT = {
    "details": "2115",
    "history": "1116",
    "create": "1116",
    "preview": "1116",
    "return": "1116",
    "event": "2115",
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("who", [*WHO, "unknown"])
def test_everybody_gets_what_is_his(lone: Api, operation: str, who: str) -> None:
    order = {CUSTOMER: "1", OTHER: "2", FOREIGN: "3"}
    for owner, number in order.items():
        partner = "rival" if owner == FOREIGN else "distributor"
        lone.stored(number, customer=owner, partner=partner, event="" if operation == "event" else "fulfil")
    owners = {"partner": (CUSTOMER, OTHER), "rival": (FOREIGN,)}
    for customer in (CUSTOMER, OTHER, FOREIGN, "0000000000"):
        answer = OPERATIONS[operation](lone, who, customer, order.get(customer, "4"))
        if who == "unknown":
            assert told(answer) == (401, "4116")
        elif who == "nobody" or (who == "adobe") != (operation == "event"):
            assert told(answer) == (403, "4121")
        elif customer in owners.get(who, tuple(order)):
            assert answer.status_code == GOOD[operation], answer.text
            assert f"/v3/customers/{customer}/" in answer.text or operation == "preview"
        else:
            assert told(answer) == (404, ABSENT[operation])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_foreign_looks_as_if_it_were_not_there(api: Api, operation: str) -> None:
    api.stored("1", customer=OTHER)
    api.stored("2", customer=FOREIGN, partner="rival")
    who = "adobe" if operation == "event" else "partner"
    ask = OPERATIONS[operation]
    nothing = ask(api, who, "0000000000", "9")
    if operation != "event":  # Adobe may tell of everybody's orders
        assert ask(api, who, FOREIGN, "2").content == nothing.content
        assert ask(api, who, FOREIGN, "9").content == nothing.content
    if operation in ("details", "return", "event"):
        missing = ask(api, who, CUSTOMER, "9")
        assert missing.status_code == 404
        for order in ("1", "2"):  # the order of another customer, under a customer of one's own
            assert ask(api, who, CUSTOMER, order).content == missing.content


def test_a_reseller_widens_nothing(api: Api) -> None:
    api.stored("mine")
    api.stored("rivals", customer=FOREIGN, partner="rival")
    api.stored("rivals-once", partner="rival")
    page = api.get("?reseller-id=reseller").json()
    assert [order["orderId"] for order in page["items"]] == ["mine"]
    assert told(api.get("/rivals-once")) == (404, "2115")
    assert told(api.post(RETURN | {"referenceOrderId": "rivals-once"})) == (404, "2115")


def test_a_partner_renews_no_subscription_of_another(api: Api) -> None:
    api.stored("rivals-once", partner="rival")
    line = LINE | {"subscriptionId": "86756309"}
    assert told(api.post(NEW | {"orderType": "RENEWAL", "lineItems": [line]})) == (404, "3115")
    assert told(api.post({"orderType": "PREVIEW_RENEWAL"})) == (400, "2136")


# --- hostile input

HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no JSON": lambda: b"{",
    "a list": lambda: b"[]",
    "null": lambda: b"null",
    "NaN": lambda: b'{"orderType": NaN}',
    "duplicates": lambda: b'{"orderType": "NEW", "orderType": "RETURN"}',
    "nested": lambda: b'{"links": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a large number": lambda: b'{"lineItems": [{"quantity": ' + b"9" * 5_000 + b"}]}",
    "2^63": lambda: json.dumps(NEW | {"lineItems": [LINE | {"quantity": 2**63}]}).encode(),
    "2^63 - 1": lambda: json.dumps(NEW | {"lineItems": [LINE | {"quantity": 2**63 - 1}]}).encode(),
    "a float": lambda: json.dumps(NEW | {"lineItems": [LINE | {"quantity": 1.0}]}).encode(),
    "a NUL": lambda: b'{"orderType": "NEW", "externalReferenceId": "\\u0000"}',
    "a surrogate": lambda: b'{"orderType": "NEW", "externalReferenceId": "\\ud800"}',
    "no UTF-8": lambda: b'{"orderType": "NEW", "externalReferenceId": "\xff"}',
    "lines that are texts": lambda: json.dumps(NEW | {"lineItems": ["x"]}).encode(),
    "many unknown fields": lambda: json.dumps({f"x{number}": 1 for number in range(10_000)}).encode(),
    "a long text": lambda: json.dumps(NEW | {"externalReferenceId": "x" * 100_000}).encode(),
    "many lines": lambda: json.dumps(NEW | {"lineItems": [{}] * 100_000}).encode(),
    "many promotions": lambda: json.dumps(
        NEW | {"lineItems": [LINE | {"promotionCodes": [f"P{number}" for number in range(99)]}]}
    ).encode(),
    "markup": lambda: json.dumps(NEW | {"lineItems": [LINE | {"promotionCodes": ["<script>"]}]}).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_without_an_echo(lone: Api, name: str) -> None:
    number = lone.placed()["orderId"]
    orders = f"/v3/customers/{CUSTOMER}/orders"
    for url, who in ((orders, "partner"), (f"{orders}/{number}/events", "adobe")):
        headers = lone.headers(who) | {"Content-Type": "application/json"}
        answer = lone.http.post(url, content=HOSTILE[name](), headers=headers)
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"code", "message", "additionalDetails"}
        assert len(answer.content) < 1_500
        assert "<script>" not in answer.text
    assert lone.get().json()["totalCount"] == 1


def test_a_large_body_is_refused_before_it_is_read(lone: Api) -> None:
    url = f"/v3/customers/{CUSTOMER}/orders"
    headers = lone.headers() | {"Content-Type": "application/json"}
    assert lone.http.post(url, content=b"x" * 2_000_000, headers=headers).status_code == 413
    assert lone.http.post(url, content=iter([b"x" * 1_000_000] * 3), headers=headers).status_code == 413


ODD = ["%00", "%ff", "%ed%a0%80", "'%20OR%20'1'='1", "x" * 5_000, "%E2%80%AE", "*", "%25", "-1", str(2**63)]


def test_odd_ids_are_absent(api: Api) -> None:
    api.stored()
    for odd in ODD:
        refused(api, odd)


def refused(api: Api, odd: str) -> None:
    for path, customer in ((f"/{odd}", CUSTOMER), (f"/{ORDER}", odd), ("", odd)):
        answer = api.get(path, customer=customer)
        assert answer.status_code in (400, 404), answer.text
    for answer in (api.post(NEW, customer=odd), api.event(odd, "fulfil"), api.event(ORDER, "fulfil", customer=odd)):
        assert answer.status_code in (400, 404), answer.text
    assert api.post(RETURN | {"referenceOrderId": odd}).status_code in (400, 404)


@pytest.mark.parametrize("query", ["status=%00", "status=%ff", "offer-id=%ed%a0%80", "&".join(["status=1000"] * 101)])
def test_odd_queries_are_refused(lone: Api, query: str) -> None:
    assert lone.get(f"?{query}").status_code == 400


# --- races


def at_once(count: int, ask: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """The answers to requests that are sent at the same time."""
    found: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda number=number: found.append(ask(number))) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_many_requests_of_one_intent_one_order_comes(api: Api) -> None:
    found = at_once(8, lambda _: api.post(NEW, X_Correlation_Id="intent"))
    assert {answer.status_code for answer in found} == {201}
    assert len({answer.content for answer in found}) == 1
    assert api.get().json()["totalCount"] == 1


def test_of_many_calls_with_one_request_id_one_is_heard(api: Api) -> None:
    found = at_once(6, lambda _: api.post(NEW, X_Request_Id="call"))
    assert sorted(answer.status_code for answer in found) == [201, 400, 400, 400, 400, 400]
    assert {told(answer) for answer in found if answer.status_code != 201} == {(400, "4120")}
    assert api.get().json()["totalCount"] == 1


def test_of_many_returns_of_a_line_one_wins(api: Api) -> None:
    api.stored()
    found = at_once(6, lambda _: api.post(RETURN))
    assert sorted(answer.status_code for answer in found) == [201, 400, 400, 400, 400, 400]
    assert {told(answer) for answer in found if answer.status_code != 201} == {(400, "2133")}


def test_an_order_is_fulfilled_or_fails_and_not_both(api: Api) -> None:
    lines = [LINE | {"extLineItemNumber": number} for number in range(3)]
    for _ in range(3):
        number = api.placed(NEW | {"lineItems": lines})["orderId"]
        found = at_once(4, lambda at, number=number: api.event(number, ("fulfil", "fail")[at % 2]))  # type: ignore[misc]
        assert sorted(answer.status_code for answer in found) == [200, 400, 400, 400]
        order = api.get(f"/{number}").json()
        assert {order["status"]} == {line["status"] for line in order["lineItems"]}
        (won,) = (answer for answer in found if answer.status_code == 200)
        assert won.json() == order


def test_the_last_returns_close_the_order_together(api: Api) -> None:
    lines = [LINE | {"extLineItemNumber": number} for number in range(4)]
    api.stored(lines=[(number, OFFER, 1) for number in range(4)])
    backs = [api.placed(RETURN | {"lineItems": [line]})["orderId"] for line in lines]
    found = at_once(4, lambda at: api.event(backs[at], "fulfil"))
    assert {answer.status_code for answer in found} == {200}, [answer.text for answer in found]
    order = api.get(f"/{ORDER}").json()
    assert {order["status"], *(line["status"] for line in order["lineItems"])} == {"1008"}


# --- OpenAPI


def test_every_answer_was_announced(lone: Api) -> None:
    found = lone.http.get("/openapi.json").json()
    operations = {(method, path): told for path, methods in found["paths"].items() for method, told in methods.items()}
    assert {told["operationId"] for told in operations.values()} == {
        "adobe_get_order",
        "adobe_get_order_history",
        "adobe_create_order",
        "adobe_send_event",
    }
    assert {tuple(told["tags"]) for told in operations.values()} == {("adobe",)}
    for told in operations.values():
        assert {"200", "201"} & set(told["responses"])
        assert {"400", "401", "403", "404", "413", "429", "500", "503"} <= set(told["responses"])
        assert "422" not in told["responses"]
        assert told["security"] == [{"adobe_token": []}]
        names = [parameter["name"] for parameter in told["parameters"]]
        assert "X-Correlation-Id" in names
        assert len(set(names)) == len(names)
    assert set(operations["post", "/v3/customers/{customer_id}/orders"]["responses"]) >= {"200", "201"}
    assert "$defs" not in json.dumps(found)


def test_a_database_that_is_away_is_told_in_adobes_words(tmp_path: Any) -> None:
    away = engine(f"sqlite:///{tmp_path}/nowhere/adobe.db")
    with served(away) as api:
        answer = api.get()
    assert told(answer) == (503, "1124")
    assert answer.headers["retry-after"] == "1"
    away.dispose()
