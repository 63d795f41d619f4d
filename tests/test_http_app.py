"""The service as a whole: what is served where, to whom, and what is told and logged of it."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from kept_http import client
from orderfsm import catalogue
from orderfsm.http import app as service
from orderfsm.http.observe import JsonLines
from orderfsm.http.tokens import Tokens
from orderfsm.sqlmodel import engine

ROLES = {
    "demo-customer": ["stat/customer", "stapi/customer", "dream_junction/customer", "record_stack_overflow/customer"],
    "demo-provider": ["stat/provider", "stapi/provider", "dream_junction/provider"],
    "demo-merchant": ["record_stack_overflow/merchant"],
    "demo-partner": ["adobe/partner"],
    "demo-buyer": ["cablelabs/buyer"],
    "operator": ["stat/operator", "stat/provider"],
}


class Served:
    """A service with the demo's orders, on a real server."""

    def __init__(self, http: httpx.Client, secrets: dict[str, str], database: str) -> None:
        self.http, self.secrets, self.database = http, secrets, database

    def bearer(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secrets[who]}"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[FastAPI, dict[str, str], str]:
    folder = tmp_path_factory.mktemp("service")
    tokens = Tokens(folder / "tokens")
    secrets = {id: tokens.add(id, roles) for id, roles in ROLES.items()}
    url = f"sqlite:///{folder}/service.db"
    chart = folder / "mine.yaml"
    chart.write_text(
        'chart: shop/order\nversion: "1"\ninitial: open\nstates: {open: {category: open}, done: {final: true, '
        "category: done}}\nevents:\n  finish: {from: open, to: done, by: clerk, basis: stated}\n"
        "actors: {clerk: Who serves.}\n"
    )
    secrets["clerk"] = tokens.add("clerk", ["shop/clerk"])
    app = service.app(url, tokens=tokens, charts=[str(chart)])
    service.demo(engine(url))
    return app, secrets, url


@pytest.fixture(scope="module")
def served(made: tuple[FastAPI, dict[str, str], str]) -> Iterator[Served]:
    app, secrets, url = made
    with client(app) as http:
        yield Served(http, secrets, url)


# --- an end-to-end run of each dialect


def test_stat_is_served_in_both_vocabularies(served: Served) -> None:
    for root, word in (("/stat", "canceled"), ("/stapi", "cancelled")):
        listed = served.http.get(f"{root}/orders", headers=served.bearer("demo-provider")).json()
        received = listed["features"][-1]["id"]
        for code in ("accepted", word):
            answer = served.http.post(
                f"{root}/order/{received}/status", json={"status_code": code}, headers=served.bearer("demo-provider")
            )
            assert answer.json()["status_code"] == code
        found = served.http.get(f"{root}/order/{received}/status", headers=served.bearer("demo-customer")).json()
        assert [each["status_code"] for each in found["history"]] == ["received", "accepted", word]


def test_dream_junction_is_served(served: Served) -> None:
    headers = {"Authorization": f"Token token={served.secrets['demo-customer']}"}
    found = served.http.get("/dream_junction/api/v3/orders?order_status=received", headers=headers).json()
    (order,) = found["orders"]
    answer = served.http.delete(f"/dream_junction/api/v3/orders/{order['order']['id']}", headers=headers)
    assert answer.json()["status"] == "ok"


def test_record_stack_overflow_is_served(served: Served) -> None:
    headers = served.bearer("demo-customer")
    root = "/record_stack_overflow/api/v1/orders"
    (order,) = [
        order
        for order in served.http.get(f"{root}/customers/demo-customer/", headers=headers).json()
        if order["status"] == "In progress"
    ]
    changed = served.http.put(
        f"{root}/{order['_id']}/", json={"comments": "soon"}, headers=served.bearer("demo-merchant")
    )
    assert changed.json()["comments"] == ["soon"]
    gone = served.http.delete(f"{root}/{order['_id']}/customers/demo-customer/", headers=headers)
    assert gone.json() == {"success_message": "Order cancelled", "response_code": 200}


def test_adobe_is_served(served: Served) -> None:
    headers = served.bearer("demo-partner") | {
        "X-Api-Key": "demo-partner",
        "X-Correlation-Id": "c-1",
        "X-Request-Id": "adobe-request-1",
    }
    answer = served.http.get("/adobe/v3/customers/9876543210/orders?limit=2", headers=headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["count"], answer.json()["totalCount"]) == (2, 5)
    assert answer.headers["x-request-id"] == "adobe-request-1"


def test_cablelabs_is_served(served: Served) -> None:
    answer = served.http.get("/cablelabs/orders/status?order_id=1", headers=served.bearer("demo-buyer"))
    assert answer.status_code < 500


def test_every_chart_has_the_generic_api(served: Served) -> None:
    paths = served.http.get("/openapi.json").json()["paths"]
    for name in [*catalogue.names(), "shop/order"]:
        assert f"/charts/{name}/orders/{{id}}/events" in paths


def test_a_chart_of_the_services_own_is_served(served: Served) -> None:
    clerk = served.bearer("clerk")
    opened = served.http.post("/charts/shop/order/orders", json={"payload": {}}, headers=clerk)
    assert opened.status_code == 201, opened.text
    url = opened.headers["location"]
    done = served.http.post(f"{url}/events", json={"event": "finish"}, headers=clerk)
    assert (done.status_code, done.json()["configuration"]) == (201, "done")
    again = served.http.post(f"{url}/events", json={"event": "finish"}, headers=clerk)
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")


def test_an_operator_sees_the_orders_of_everybody(served: Served) -> None:
    opened = served.http.post("/charts/stat/order/orders", json={}, headers=served.bearer("demo-customer"))
    url = opened.headers["location"]
    statuses = {
        who: served.http.get(url, headers=served.bearer(who)).status_code
        for who in ("demo-customer", "demo-provider", "operator", "demo-partner", "clerk")
    }
    assert statuses == {"demo-customer": 200, "demo-provider": 404, "operator": 200, "demo-partner": 401, "clerk": 401}
    accepted = served.http.post(f"{url}/events", json={"event": "accept"}, headers=served.bearer("operator"))
    assert accepted.json()["configuration"] == "accepted"


# --- nothing without a token


def test_without_a_token_nothing_but_health_is_answered(served: Served) -> None:
    paths: dict[str, Any] = served.http.get("/openapi.json").json()["paths"]
    asked = 0
    for path, operations in paths.items():
        for method in operations:
            if path in ("/healthz", "/readyz"):
                continue
            url = path.replace("{", "").replace("}", "")
            for headers in ({}, {"Authorization": "Bearer nobody"}):
                answer = served.http.request(method, url, headers=headers)
                assert answer.status_code in (400, 401, 404, 405), (method, path, answer.status_code)
                assert "demo" not in answer.text
                asked += 1
    assert asked > 200


def test_health_and_readiness_need_no_token(served: Served) -> None:
    for path in ("/healthz", "/readyz"):
        assert served.http.get(path).json() == {"status": "ok"}


def test_what_is_not_served_is_a_problem_document(served: Served) -> None:
    for method, path, status in (("GET", "/nothing/here", 404), ("POST", "/healthz", 405)):
        answer = served.http.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["status"] == status


def test_every_answer_has_an_id_and_safe_headers(served: Served) -> None:
    answer = served.http.get("/healthz", headers={"X-Request-Id": "my-request-1"})
    assert answer.headers["x-request-id"] == "my-request-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    for odd in ("short", "x" * 100, "a b c d e f g h", "\x7f" * 9):
        given = served.http.get("/healthz", headers={"X-Request-Id": odd}).headers["x-request-id"]
        assert given != odd
        assert len(given) == 16


def test_a_request_is_one_line_without_ids_or_secrets(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "orderfsm.http"):
        served.http.get("/stat/order/1%0aINFO%20forged/status", headers=served.bearer("demo-provider"))
        served.http.get("/nothing/%1b[31m")
        until = time.monotonic() + 60
        while "GET ? 404" not in caplog.text and time.monotonic() < until:
            time.sleep(0.01)  # a request is logged when it has been answered
    lines = [JsonLines().format(record) for record in caplog.records if record.name == "orderfsm.http"]
    told = [json.loads(line) for line in lines]
    wanted = [("/stat/order/{order_id}/status", 404), ("", 404)]
    assert [(each["route"], each["status"]) for each in told][-2:] == wanted
    for line in lines:
        assert "\n" not in line
        assert "forged" not in line
        assert not any(secret in line for secret in served.secrets.values())


def test_a_record_with_control_characters_stays_one_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\nb\x1b[31m%s", ("\r\nINFO forged",), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["message"] == "a\nb\x1b[31m\r\nINFO forged"


def test_spans_and_durations_name_routes_and_no_secrets(served: Served) -> None:
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))
    headers = served.bearer("demo-provider")
    headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    served.http.get("/stat/order/1/status", headers=headers)
    served.http.post("/stat/order/1/status", json={"status_code": "lost", "reason_text": "hidden"}, headers=headers)
    requests = {span.name: span for span in spans.get_finished_spans() if span.kind is trace.SpanKind.SERVER}
    assert set(requests) == {"GET /stat/order/{order_id}/status", "POST /stat/order/{order_id}/status"}
    for span in requests.values():
        assert format(span.context.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"  # type: ignore[union-attr]
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "hidden" not in told
    assert served.secrets["demo-provider"] not in told
    measured = reader.get_metrics_data().to_json()  # type: ignore[union-attr]
    assert "http.server.request.duration" in measured
