"""The generic router against a model: whatever the chart and the requests, HTTP does what the lifecycle itself does."""

# No `from __future__ import annotations`: FastAPI reads the annotations of dependencies.

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Header
from hypothesis import event as seen
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, SQLModel
from starlette.types import Receive, Scope, Send

from kept import UUIDS, Clock, database
from kept_http import client
from orderfsm import Actor, Chart, Link, Reason
from orderfsm.errors import Conflict, GuardFailed, KeyReused, OrderFsmError
from orderfsm.http import Principal, generic
from orderfsm.lifecycle import Lifecycle
from random_charts import CODES, ROLES, answers, charts, events

PEOPLE = ("", *ROLES, "robot")
PAYLOADS = (None, {}, {"amount": 1}, {"amount": 9}, {"amount": "9"}, {"other": True})
FACTS = {"order": {"paid": True}, "items": [1]}

calls = st.fixed_dictionaries(
    {
        "event": events,
        "who": st.sampled_from(PEOPLE),
        "reason": st.sampled_from((None, None, *CODES, "unheard_of")),
        "links": st.sets(st.sampled_from(("delivery", "invoice", "other"))).map(sorted),
        "payload": st.sampled_from(PAYLOADS),
        "key": st.sampled_from((None, None, "a", "b")),
        "behind": st.sampled_from((None, None, 0, 1)),
    }
)


class Switch:
    """An app that may be exchanged while it is served."""

    app: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@dataclass
class Twins:
    """Two databases: one behind HTTP, one for the model."""

    switch: Switch
    api: httpx.Client
    real: Engine
    model: Engine


@pytest.fixture(scope="module")
def twins(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    switch = Switch()
    switch.app = FastAPI()
    with (
        database("sqlite", postgres_url, tmp_path_factory.mktemp("real")) as real,
        database("sqlite", postgres_url, tmp_path_factory.mktemp("model")) as model,
        client(switch) as api,
    ):
        SQLModel.metadata.create_all(real, tables=[generic.Opened.__table__])
        yield Twins(switch, api, real, model)


def known(who: Annotated[str, Header(alias="X-Token")]) -> Principal:
    return Principal(f"{who}-1", frozenset({who} - {""}))


class Both:
    """One order on both sides."""

    def __init__(self, twins: Twins, chart: Chart, said: dict[str, bool]) -> None:
        guards = {name: (lambda facts, answer=answer: answer) for name, answer in said.items()}
        make = partial(Lifecycle, chart, UUIDS.store, guards=guards, facts=lambda session, order: FACTS)
        self.orders: Lifecycle = make(clock=Clock())
        self.twins = twins
        router = generic.router(
            make(clock=Clock()),
            sessions=partial(Session, twins.real),
            principal=known,
            visible=lambda who: UUIDS.order.id == UUIDS.order.id,
            opening=lambda session, who, payload: UUIDS.order(),
        )
        twins.switch.app = FastAPI()
        twins.switch.app.include_router(router)
        self.path, self.key, self.revision = "", None, 0

    # --- the same request, twice

    def told(self, call: dict[str, Any]) -> httpx.Response:
        body = {"links": [{"rel": rel, "href": "/x"} for rel in call["links"]], "payload": call["payload"]}
        body |= {"reason": {"code": call["reason"]} if call["reason"] else None}
        body |= {"event": call["event"]} if self.path else {}
        headers = {"X-Token": call["who"]}
        headers |= {"Idempotency-Key": call["key"]} if call["key"] and self.path else {}
        headers |= {} if call["behind"] is None else {"If-Match": f'"{self.revision - call["behind"]}"'}
        target = f"{self.path}/events" if self.path else "/orders"
        return self.twins.api.post(target, json=body, headers=headers)

    def verdict(self, call: dict[str, Any]) -> Any:
        """What is said beforehand of sending the same; None before there is an order."""
        if not self.path:
            return None
        body = {"event": call["event"], "payload": call["payload"]}
        body |= {"links": [{"rel": rel, "href": "/x"} for rel in call["links"]]}
        body |= {"reason": {"code": call["reason"]} if call["reason"] else None}
        answer = self.twins.api.post(f"{self.path}/explanations", json=body, headers={"X-Token": call["who"]})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def expected(self, call: dict[str, Any]) -> Any:
        """The entry that the lifecycle writes, or the error that it raises."""
        given: dict[str, Any] = {
            "actor": Actor(call["who"], f"{call['who']}-1"),
            "reason": Reason(call["reason"]) if call["reason"] else None,
            "links": [Link(rel, "/x") for rel in call["links"]],
            "payload": call["payload"],
            "origin": "http",
        }
        with Session(self.twins.model) as session:
            try:
                entry = self._entry(session, call, given)
            except OrderFsmError as error:
                return error
            session.commit()
            return entry

    def _entry(self, session: Session, call: dict[str, Any], given: dict[str, Any]) -> Any:
        if self.key is None:
            return self.orders.open(session, UUIDS.order(), **given)
        if call["key"]:
            given["key"] = f"{call['who']} {call['key']}"
        if call["behind"] is not None:
            given["expected_revision"] = self.revision - call["behind"]
        return self.orders.send(session, session.get_one(UUIDS.order, self.key), call["event"], **given)

    def do(self, call: dict[str, Any]) -> None:
        verdict = self.verdict(call)
        expected, answer = self.expected(call), self.told(call)
        if verdict is not None and call["key"] is None and call["behind"] != 1:
            assert verdict["allowed"] is (answer.status_code == 201), call
        if isinstance(expected, OrderFsmError):
            seen(expected.code)
            assert answer.json()["code"] in codes(expected), (call, answer.text)
            return
        seen("sent")
        assert answer.status_code == 201, (call, answer.text)
        assert bare(answer.json()["entry"]) == bare(expected.as_dict())
        assert ("Idempotent-Replayed" in answer.headers) is (expected.sequence <= self.revision)
        self.key = expected.order
        self.path = self.path or answer.headers["location"]
        self.revision = max(self.revision, expected.sequence)

    # --- the same questions, twice

    def compare(self, who: str) -> None:
        headers = {"X-Token": who}
        actor = Actor(who, f"{who}-1")
        with Session(self.twins.model) as session:
            order = session.get_one(UUIDS.order, self.key)
            status = self.twins.api.get(self.path, headers=headers).json()
            assert (status["configuration"], status["code"]) == (order.configuration, order.code)
            assert status["revision"] == self.revision == order.revision
            told = self.twins.api.get(f"{self.path}/events", headers=headers).json()
            allowed = self.orders.allowed(session, order, actor=actor)
            explained = {each.event: each for each in self.orders.explain(session, order, actor=actor)}
            history = self.orders.history(session, order)
        assert {each["event"]: [need["code"] for need in each["needs"]] for each in told["allowed"]} == {
            each.event: [need.code for need in each.needs] for each in allowed
        }
        assert {each["event"]: codes_of(each["blockers"]) for each in told["refused"]} == {
            name: [blocker.code for blocker in each.blockers]
            for name, each in explained.items()
            if name not in {each.event for each in allowed}
        }
        page = self.twins.api.get(f"{self.path}/history?limit=100", headers=headers).json()
        assert [bare(entry) for entry in page["entries"]] == [bare(entry.as_dict()) for entry in history]


def codes_of(blockers: list[dict[str, Any]]) -> list[str]:
    return [blocker["code"] for blocker in blockers]


def codes(error: OrderFsmError) -> set[str]:
    """What HTTP may call an error of the lifecycle: the client's payload and If-Match are its own fault."""
    if isinstance(error, GuardFailed):
        return {"payload-invalid"}  # all other facts are there
    if isinstance(error, Conflict) and not isinstance(error, KeyReused):
        return {"revision-stale"}
    return {error.code}


def bare(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without what differs: the clocks, and what HTTP keeps to itself."""
    return {
        name: value for name, value in entry.items() if name not in ("occurred_at", "recorded_at", "key", "chart_hash")
    }


@settings(max_examples=settings().max_examples // 4)
@given(charts(), answers, st.lists(calls, min_size=2, max_size=12), st.sampled_from(PEOPLE))
def test_http_does_what_the_lifecycle_does(
    twins: Twins, chart: Chart, said: dict[str, bool], asked: list[dict[str, Any]], who: str
) -> None:
    both = Both(twins, chart, said)
    for call in asked:
        both.do(call)
        if both.path:
            both.compare(who)
