"""The `transitions` face, and the differential tests: the table against the machines of `transitions`."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import transitions
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Field as Column
from sqlmodel import Session, SQLModel, create_engine
from transitions.extensions import HierarchicalMachine
from transitions.extensions.nesting import NestedState

import orderfsm
from orderfsm import (
    Actor,
    Chart,
    ChartError,
    Conflict,
    DirectAssignment,
    GuardFailed,
    GuardRefused,
    Link,
    MissingGuard,
    NotEnabled,
    NotOpened,
    NotPermitted,
    ReasonNeeded,
    Refused,
    StoredStateUnknown,
    UnknownEvent,
    UnsupportedFeature,
)
from orderfsm.chart import START, Event, Field, Guard, Kind, ReasonRule, State, Transition
from orderfsm.expression import parse
from orderfsm.machine import Machine, Occasion, from_transitions
from random_charts import charts

ORDER = Chart(
    "shop/order",
    (
        State("open", Kind.COMPOUND, initial=("received",)),
        State("received", parent="open"),
        State("accepted", parent="open"),
        State("was-open", Kind.SHALLOW, "open", ("received",)),
        State("on-hold"),
        State("completed", Kind.FINAL),
        State("rejected", Kind.FINAL),
    ),
    (
        Transition("received", ("accept",), ("accepted",), by=("provider",)),
        Transition("received", ("reject",), ("rejected",), reason=ReasonRule("required")),
        Transition("open", ("hold",), ("on-hold",)),
        Transition("on-hold", ("resume",), ("was-open",)),
        Transition("accepted", ("complete",), ("completed",), (Guard(expression=parse("order.paid")),)),
        Transition("accepted", ("note",)),
        Transition("accepted", ("return",), ("received",)),
    ),
    initial=("open",),
)


def order_class() -> type[Any]:
    """A plain class of its own for each test, because binding leaves its mark."""

    class Order:
        paid = False

    return Order


@pytest.fixture
def order() -> Any:
    order = order_class()()
    Machine(ORDER, order)
    return order


# --- moving


def test_an_event_is_a_method_that_returns_the_step(order: Any) -> None:
    found = order.accept(actor="provider")
    assert found is orderfsm.step(ORDER, "received", "accept")
    assert order.state == "accepted"


def test_state_shows_the_leaves_and_configuration_what_is_remembered_as_well(order: Any) -> None:
    order.hold()
    assert order.state == "on-hold"
    assert order.configuration == "on-hold;was-open=received"
    assert order.configuration.leaves == ("on-hold",)


def test_is_asks_for_leaves_and_for_what_they_lie_in(order: Any) -> None:
    assert [order.is_received(), order.is_open(), order.is_accepted(), order.is_on_hold()] == [True, True, False, False]


def test_may_tells_whether_the_same_call_would_go_through(order: Any) -> None:
    assert order.may_accept(actor="provider")
    assert not order.may_accept(actor="customer")
    assert not order.may_reject()
    assert order.may_reject(reason="sold out")
    assert not order.may_complete()
    assert order.state == "received"


def test_trigger_takes_the_event_by_name(order: Any) -> None:
    assert order.may_trigger("accept", actor=Actor("provider", "7"))
    assert order.trigger("accept", actor=Actor("provider", "7")).after == "accepted"
    assert getattr(order, "return")().after == "received"


@pytest.mark.parametrize(
    ("event", "call", "error"),
    [
        ("complete", {}, NotEnabled),
        ("explode", {}, UnknownEvent),
        ("accept", {"actor": "customer"}, NotPermitted),
        ("reject", {}, ReasonNeeded),
    ],
)
def test_a_refusal_is_ours_and_leaves_the_object_as_it_was(
    order: Any, event: str, call: dict[str, Any], error: type[Refused]
) -> None:
    with pytest.raises(error):
        order.trigger(event, **call)
    assert order.state == "received"


def test_facts_are_the_object_itself_unless_told_otherwise(order: Any) -> None:
    order.accept()
    with pytest.raises(GuardRefused):
        order.complete()
    order.paid = True
    assert order.complete().after == "completed"


def test_facts_of_the_machine_and_of_the_call() -> None:
    order = order_class()()
    Machine(ORDER, order, initial="accepted", facts=lambda model: {"order": {"paid": model.settled}})
    order.settled = False
    assert not order.may_complete()
    assert order.may_complete(facts={"order": {"paid": True}})
    order.settled = True
    with pytest.raises(GuardFailed):
        order.may_complete(facts={})
    assert order.complete()


def test_a_guard_that_fails_is_no_refusal() -> None:
    order = order_class()()
    Machine(ORDER, order, initial="accepted", facts=lambda model: {})
    with pytest.raises(GuardFailed):
        order.complete()
    with pytest.raises(GuardFailed):
        order.may_complete()


GUARDED = Chart(
    "shop/order",
    (State("a"), State("b"), State("c")),
    (
        Transition(START, ("adopt",), ("b",), by=("staff",)),
        Transition("a", ("go",), ("b",), (Guard("credit_ok"),), reason=ReasonRule("required"), links=("l",)),
        Transition("b", ("wait",), ("c",), (Guard(expression=parse("now > timestamp('2024-05-01T00:00:00Z')")),)),
    ),
    initial=("a",),
    events=(Event("go", payload=(Field("n", "integer"),)),),
    guards={"credit_ok": ""},
)


def test_named_guards_are_supplied_when_the_machine_is_made() -> None:
    with pytest.raises(
        MissingGuard, match=r"shop/order asks the guard credit_ok; supply it: guards=\{'credit_ok': function\}"
    ):
        Machine(GUARDED)
    machine = Machine(GUARDED, guards={"credit_ok": lambda facts: facts["order"].credit > 0})
    order = order_class()()
    order.credit = 0
    machine.add_model(order)
    call = {"reason": "r", "links": (Link("l", "/"),), "payload": {"n": 1}}
    assert [blocker.code for blocker in machine.explain(order, "go", **call)] == ["guard-refused"]
    order.credit = 1
    assert machine.explain(order, "go", **call) == ()
    assert [blocker.code for blocker in machine.explain(order, "go")] == [
        "reason-missing",
        "link-missing",
        "payload-missing",
    ]
    assert order.go(**call).after == "b"


def test_the_clock_tells_the_moment_unless_the_call_does() -> None:
    order = order_class()()
    late, early = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)
    Machine(GUARDED, order, initial="b", guards={"credit_ok": lambda facts: True}, clock=lambda: late)
    assert not order.may_wait(now=early)
    assert order.wait().after == "c"


def test_an_order_may_be_opened_by_a_start_arrow() -> None:
    machine = Machine(GUARDED, guards={"credit_ok": lambda facts: True})
    order = order_class()()
    with pytest.raises(NotPermitted):
        machine.open(order, "adopt", actor="customer")
    assert not hasattr(order, "state")
    assert machine.open(order, "adopt", actor="staff").event == "adopt"
    assert order.state == "b"


def test_allowed_lists_what_could_be_sent(order: Any) -> None:
    machine = type(order)._orderfsm
    assert machine.allowed(order) == ("accept", "reject", "hold")
    order.accept()
    assert machine.allowed(order) == ("hold", "note", "return")


# --- binding


def test_the_state_cannot_be_assigned(order: Any) -> None:
    with pytest.raises(DirectAssignment, match="send it an event, enabled now: accept, reject, hold"):
        order.state = "completed"
    with pytest.raises(DirectAssignment):
        order.configuration = "completed"
    assert order.state == "received"


def test_objects_of_a_bound_class_begin_by_themselves() -> None:
    Order = order_class()
    Machine(ORDER, Order)
    one, two = Order(), Order()
    one.hold()
    assert (one.state, two.state) == ("on-hold", "received")
    assert vars(two) == {}


def test_objects_may_begin_in_a_given_configuration() -> None:
    Order = order_class()
    machine = Machine(ORDER, [Order(), Order()], initial="on-hold;was-open=accepted")
    order = Order()
    machine.add_model(order, initial="on-hold;was-open=accepted")
    assert order.resume().after == "accepted"
    with pytest.raises(StoredStateUnknown, match="did you mean on-hold;was-open=received or on-hold;was-open=accepted"):
        machine.add_model(order, initial="on-hold")


def test_an_object_that_was_never_bound_is_not_open(order: Any) -> None:
    with pytest.raises(NotOpened, match="this Order is not bound to shop/order; bind it with add_model"):
        type(order)().accept()


def test_one_class_may_serve_two_charts() -> None:
    Order = order_class()
    one, two = Order(), Order()
    Machine(ORDER, one)
    Machine(GUARDED, two, guards={"credit_ok": lambda facts: True})
    assert (one.state, two.state) == ("received", "a")
    with pytest.raises(UnknownEvent):
        two.accept()


def test_a_subclass_may_add_to_an_event() -> None:
    Order = order_class()
    Machine(ORDER, Order)

    class Rush(Order):
        def accept(self, **call: Any) -> Any:
            self.rushed = True
            return super().accept(**call)

    order = Rush()
    assert order.accept().after == "accepted"
    assert order.rushed


@pytest.mark.parametrize("name", ["accept", "may_accept", "is_received", "state", "configuration", "trigger"])
def test_a_class_that_has_such_a_name_already_is_refused_and_left_alone(name: str) -> None:
    cls = type("Order", (), {name: "mine"})
    with pytest.raises(ChartError, match=f"Order has an attribute {name} already; rename it"):
        Machine(ORDER, cls())
    assert {member for member in vars(cls) if not member.startswith("__")} == {name}


def test_the_attribute_may_have_another_name() -> None:
    @dataclasses.dataclass
    class Order:
        state: str = "Bavaria"

    order = Order()
    Machine(ORDER, order, model_attribute="status")
    assert (order.state, order.status) == ("Bavaria", "received")
    assert order.is_status_received()


def test_objects_with_slots_need_one_for_the_configuration() -> None:
    class Roomy:
        __slots__ = ("_configuration",)

    class Tight:
        __slots__ = ()

    order = Roomy()
    Machine(ORDER, order)
    order.accept()
    assert order.state == "accepted"
    with pytest.raises(ChartError, match="Tight has no room for _configuration"):
        Machine(ORDER, Tight())
    with pytest.raises(ChartError, match=r"Roomy has no room for _configuration \(its objects have a slot for it"):
        Machine(ORDER, Roomy)
    with pytest.raises(ChartError, match="object has no room"):
        Machine(ORDER, object())


def test_frozen_dataclasses_are_bound_as_well() -> None:
    @dataclasses.dataclass(frozen=True)
    class Order:
        paid: bool = True

    order = Order()
    Machine(ORDER, order)
    order.accept()
    assert order.complete().after == "completed"
    assert order == Order()


class Row(SQLModel, table=True):
    """A row, which `transitions` cannot bind: it sets attributes that SQLModel refuses."""

    __tablename__ = "machine_row"
    id: int | None = Column(default=None, primary_key=True)
    paid: bool = False


def test_rows_of_sqlmodel_are_bound_and_stored_without_our_doing() -> None:
    row = Row(paid=True)
    Machine(ORDER, row)
    row.accept()
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine, tables=[Row.__table__])
    with Session(engine) as session:
        session.add(row)
        session.commit()
        assert row.complete().after == "completed"
        assert row.model_dump() == {"id": 1, "paid": True}
    engine.dispose()


# --- copies


PICKLED = Machine(ORDER)


class Parcel:
    paid = True


PICKLED.add_model(Parcel)


def test_an_object_is_copied_and_pickled_with_its_configuration_alone() -> None:
    order = Parcel()
    order.accept()
    for again in (copy.copy(order), copy.deepcopy(order), pickle.loads(pickle.dumps(order))):
        assert vars(again) == {"_configuration": "accepted"}
        assert again.complete().after == "completed"
    assert order.state == "accepted"


def test_a_machine_is_shared_by_copies_and_not_pickled() -> None:
    Order = order_class()
    Machine(ORDER, Order())
    other = Order()
    machine = Machine(ORDER, other)
    assert copy.deepcopy(other)._orderfsm is machine
    with pytest.raises(TypeError, match="a Machine is not pickled; bind the class"):
        pickle.dumps(machine)


# --- callbacks


def watched(*names: str) -> tuple[Machine, Any, list[str]]:
    """A machine, an order, and what its callbacks were told, in order."""
    told: list[str] = []

    class Order:
        paid = True

        def on_enter_on_hold(self, occasion: Occasion) -> None:
            told.append(f"own on_enter_on_hold {occasion.state.name}")

        def on_exit_open(self, occasion: Occasion) -> None:
            told.append(f"own on_exit_open {occasion.state.name}")

    def tell(name: str) -> Callable[[Occasion], None]:
        return lambda occasion: told.append(f"{name} {occasion.state.name}")

    machine = Machine(
        ORDER,
        Order,
        before_state_change=tell("before_state_change"),
        after_state_change=[tell("after_state_change")],
        on_final=tell("on_final"),
    )
    for name in names:
        getattr(machine, name)(tell(name))
    return machine, Order(), told


def test_callbacks_run_in_the_order_of_transitions() -> None:
    _, order, told = watched("after_hold", "before_hold", "on_enter_on_hold", "on_exit_received", "on_exit_open")
    order.hold()
    assert told == [
        "before_state_change received",
        "before_hold received",
        "on_exit_received received",
        "own on_exit_open received",
        "on_exit_open received",
        "own on_enter_on_hold on-hold;was-open=received",
        "on_enter_on_hold on-hold;was-open=received",
        "after_hold on-hold;was-open=received",
        "after_state_change on-hold;was-open=received",
    ]


def test_an_end_is_told_after_it_was_entered() -> None:
    _, order, told = watched("on_enter_rejected", "after_reject")
    order.reject(reason="sold out")
    assert told == [
        "before_state_change received",
        "own on_exit_open received",
        "on_enter_rejected rejected",
        "on_final rejected",
        "after_reject rejected",
        "after_state_change rejected",
    ]


def test_an_internal_transition_enters_and_leaves_nothing() -> None:
    machine, order, told = watched("on_enter_accepted", "on_exit_accepted")
    machine.add_model(order, initial="accepted")
    order.note()
    assert told == ["before_state_change accepted", "after_state_change accepted"]


def test_an_occasion_is_the_event_data_of_transitions_and_more() -> None:
    seen: list[Occasion] = []
    machine, order, _ = watched()
    machine.after("reject", seen.append)
    order.reject(actor="staff", reason="sold out", payload={"n": 1}, links=(Link("l", "/"),))
    (occasion,) = seen
    assert isinstance(occasion, transitions.EventData)
    assert (occasion.model, occasion.machine, occasion.event.name) == (order, machine, "reject")
    assert (occasion.transition.source, occasion.transition.dest) == ("received", "rejected")
    assert occasion.step is orderfsm.step(ORDER, "received", "reject", reason="x")
    assert (occasion.actor, occasion.reason, occasion.payload) == ("staff", "sold out", {"n": 1})
    assert occasion.links == (Link("l", "/"),)
    assert "reject" in repr(occasion)


def test_registering_is_a_decorator_and_takes_names_as_they_are_or_as_python_has_them() -> None:
    machine, order, told = watched()

    @machine.on_enter_on_hold
    def entered(occasion: Occasion) -> None:
        told.append("decorated")

    machine.on_enter("on-hold", lambda occasion: told.append("by name"))
    order.hold()
    assert told[3:5] == ["decorated", "by name"]
    assert callable(entered)


@pytest.mark.parametrize("callback", ["order.approve", "os.system", None, 7])
def test_a_callback_is_a_function_and_never_a_name(callback: Any) -> None:
    with pytest.raises(ChartError, match="is not a function; functions are never looked up by name"):
        Machine(ORDER).before("accept", callback)
    with pytest.raises(ChartError, match="is not a function"):
        Machine(ORDER, on_final=callback)


def test_a_callback_of_something_that_the_chart_lacks_is_refused() -> None:
    machine = Machine(ORDER)
    with pytest.raises(ChartError, match=r"shop/order has no acept; did you mean accept\?"):
        machine.before_acept(print)
    with pytest.raises(ChartError, match="shop/order has no xyz; it has accepted, completed, on-hold"):
        machine.on_enter("xyz", print)
    with pytest.raises(AttributeError, match="a Machine has no prepare_accept"):
        machine.prepare_accept(print)


def test_what_is_raised_before_the_change_leaves_the_object_as_it_was() -> None:
    machine, order, told = watched("on_exit_received", "on_enter_on_hold")
    machine.on_exit_received(fail)
    with pytest.raises(ZeroDivisionError):
        order.hold()
    assert order.state == "received"
    assert "on_enter_on_hold" not in " ".join(told)


def test_what_is_raised_after_the_change_leaves_it_standing() -> None:
    machine, order, _ = watched()
    machine.after_hold(fail)
    with pytest.raises(ZeroDivisionError):
        order.hold()
    assert order.state == "on-hold"


def fail(occasion: Occasion) -> None:
    raise ZeroDivisionError


def test_a_refusal_runs_no_callback() -> None:
    _, order, told = watched("before_accept", "on_exit_received")
    with pytest.raises(NotPermitted):
        order.accept(actor="customer")
    assert told == []


def test_an_object_that_moves_while_callbacks_run_is_a_conflict() -> None:
    machine, order, _ = watched()
    machine.before_accept(lambda occasion: occasion.model.hold())
    with pytest.raises(Conflict, match="the Order left received while accept was under way; ask again"):
        order.accept()
    assert order.state == "on-hold"


def test_an_event_may_be_sent_after_the_change() -> None:
    machine, order, _ = watched()
    machine.after_accept(lambda occasion: occasion.model.complete())
    assert order.accept().after == "accepted"
    assert order.state == "completed"


# --- threads and memory


def on_threads(work: Callable[[int], None], number: int = 8) -> None:
    """Run a piece of work on several threads at once, switching often; raises what any of them raised."""
    raised: list[BaseException] = []
    gate = threading.Barrier(number)

    def run(place: int) -> None:
        gate.wait()
        try:
            work(place)
        except BaseException as error:  # noqa: BLE001 - raised again by the test
            raised.append(error)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    if raised:
        raise raised[0]


def test_one_machine_serves_many_threads_and_objects() -> None:
    Order = order_class()
    Machine(ORDER, Order)

    def live(place: int) -> None:
        for _ in range(300):
            order = Order()
            for event in ("accept", "hold", "resume", "return", "hold", "resume", "accept"):
                order.trigger(event)
            assert order.state == "accepted"

    on_threads(live)


def ring(size: int) -> Chart:
    states = tuple(State(f"s{n}") for n in range(size))
    arrows = tuple(Transition(f"s{n}", ("go",), (f"s{(n + 1) % size}",)) for n in range(size))
    return Chart("t/ring", states, arrows, initial=("s0",))


def test_no_event_is_lost_when_threads_send_to_one_object() -> None:
    order = order_class()()
    Machine(ring(7), order)
    on_threads(lambda place: [order.go() for _ in range(400)] and None)
    assert order.state == f"s{8 * 400 % 7}"


def test_callbacks_before_the_change_make_a_race_a_conflict_and_each_step_one_change() -> None:
    order = order_class()()
    machine = Machine(ring(7), order)
    machine.before_go(lambda occasion: None)
    done: list[int] = []
    lost: list[int] = []

    def send(place: int) -> None:
        for _ in range(200):
            try:
                order.go()
                done.append(1)
            except Conflict:
                lost.append(1)

    on_threads(send)
    assert len(done) + len(lost) == 1_600
    assert order.state == f"s{len(done) % 7}"


def test_a_live_order_costs_at_most_200_bytes() -> None:
    Bare, Bound = order_class(), order_class()
    machine = Machine(ORDER, Bound)

    def weigh(make: Callable[[], object]) -> float:
        return min(weighed(make) for _ in range(3))  # threads that servers have left behind may weigh something, once

    def weighed(make: Callable[[], object]) -> float:
        make()
        tracemalloc.start()
        kept = [make() for _ in range(2_000)]
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size / len(kept)

    def live() -> object:
        order = Bound()
        order.accept()
        return order

    def bound() -> object:
        order = Bare()
        machine.add_model(order)
        return order

    plain = weigh(lambda: Bare.__new__(Bare))
    assert weigh(live) - plain <= 200
    assert weigh(bound) - plain <= 200


# --- against the machines of `transitions`


class Slash(NestedState):
    """A nested state whose separator is in no name, so that `user_cancelled` is not a child of `user`."""

    separator = "/"


class Nested(HierarchicalMachine):
    state_cls = Slash


class Model:
    state: Any


def conditions(arrow: Transition, said: dict[str, bool]) -> list[Callable[..., bool]]:
    """The guards as closures that answer a bool and nothing else: `transitions` compares with `== True`."""
    return [lambda *_, name=guard.text: bool(said[name]) for guard in arrow.guards]


def flat_machine(chart: Chart, model: Model, said: dict[str, bool]) -> transitions.Machine:
    machine = transitions.Machine(
        model=model,
        states=[transitions.State(state.name, final=state.kind is Kind.FINAL) for state in chart.states],
        initial=chart.initial[0],
        auto_transitions=False,
    )
    _draw(machine, chart, said, lambda name: name)
    return machine


def nested_machine(chart: Chart, model: Model, said: dict[str, bool]) -> HierarchicalMachine:
    def full(name: str) -> str:
        return "/".join([*reversed(chart.ancestors[name]), name])

    def nest(parent: str | None) -> Iterator[Any]:
        for state in chart.children.get(parent, ()):
            inside = {"children": list(nest(state.name)), "initial": state.initial[0]} if state.initial else {}
            yield {"name": state.name, "final": state.kind is Kind.FINAL, **inside}

    machine = Nested(model=model, states=list(nest(None)), initial=full(chart.initial[0]), auto_transitions=False)
    _draw(machine, chart, said, full)
    return machine


def _draw(machine: Any, chart: Chart, said: dict[str, bool], full: Callable[[str], str]) -> None:
    for arrow in chart.transitions:
        if arrow.source != START and not _ended(chart, arrow.source):
            machine.add_transition(
                arrow.events[0],
                full(arrow.source),
                full(arrow.targets[0]) if arrow.targets else None,
                conditions=conditions(arrow, said),
            )


def _ended(chart: Chart, name: str) -> bool:
    """An outermost final state: `transitions` would leave it without a word."""
    return chart.by_name[name].kind is Kind.FINAL


def theirs(model: Model, event: str) -> str | None:
    """Where their machine goes; None when it refuses, in whichever way it does."""
    try:
        moved = model.trigger(event)  # type: ignore[attr-defined]
    except (transitions.MachineError, AttributeError):
        return None
    return model.state.rpartition("/")[2] if moved else None


def ours(chart: Chart, configuration: str, event: str, said: dict[str, bool]) -> str | None:
    functions = {name: (lambda facts, name=name: said[name]) for name in said}
    try:
        return orderfsm.step(chart, configuration, event, guards=functions, facts=None).after
    except Refused:
        return None


def only_named(chart: Chart) -> Chart:
    """The chart with every guard a named one, whose answers the test gives."""
    arrows = tuple(
        dataclasses.replace(arrow, guards=tuple(Guard(guard.text) for guard in arrow.guards), by=(), links=())
        for arrow in chart.transitions
    )
    return dataclasses.replace(chart, transitions=arrows)


def guard_names(chart: Chart) -> list[str]:
    return sorted({guard.text for arrow in chart.transitions for guard in arrow.guards})


@given(st.data())
def test_the_table_walks_with_flat_and_nested_machines_on_random_flat_charts(data: st.DataObject) -> None:
    chart = only_named(data.draw(charts(flat=True, rules=False)))
    said = dict.fromkeys(guard_names(chart), False)
    flat, nested = Model(), Model()
    flat_machine(chart, flat, said)
    nested_machine(chart, nested, said)
    here: str = orderfsm.start(chart).after
    for event in data.draw(st.lists(st.sampled_from([*_events(chart), "explode"]), max_size=12)):
        said.update({name: data.draw(st.booleans()) for name in said})
        after = ours(chart, here, event, said)
        assert theirs(flat, event) == after
        assert theirs(nested, event) == after
        here = here if after is None else after
        assert flat.state == nested.state == here


def _events(chart: Chart) -> list[str]:
    return sorted({event for arrow in chart.transitions for event in arrow.events})


@given(st.data())
def test_the_face_walks_with_a_flat_machine_on_random_flat_charts(data: st.DataObject) -> None:
    chart = only_named(data.draw(charts(flat=True, rules=False)))
    said = dict.fromkeys(guard_names(chart), False)
    flat, order = Model(), order_class()()
    flat_machine(chart, flat, said)
    Machine(chart, order, guards={name: (lambda facts, name=name: said[name]) for name in said})
    for event in data.draw(st.lists(st.sampled_from(_events(chart)), max_size=8)):
        said.update({name: data.draw(st.booleans()) for name in said})
        may = order.may_trigger(event)
        assert may == flat.may_trigger(event)  # type: ignore[attr-defined]
        if may:
            order.trigger(event)
        theirs(flat, event)
        assert order.state == flat.state


SHIPPED = sorted(
    path.relative_to(folder).with_suffix("").as_posix()
    for folder in [Path(__file__).parent.parent / "statecharts"]
    for path in folder.glob("*/*.yaml")
    if path.parent.name != "crosswalks"
)


def expressible(chart: Chart) -> bool:
    """Whether `transitions` has what the chart needs: no memory, no regions, no transition that happens by itself."""
    plain = all(state.kind not in (Kind.SHALLOW, Kind.DEEP, Kind.PARALLEL) for state in chart.states)
    return plain and all(arrow.events and len(arrow.targets) <= 1 for arrow in chart.transitions)


def satisfied(chart: Chart) -> Chart:
    """The chart without what `transitions` knows nothing of: actors, reasons, links, payloads."""
    states = tuple(dataclasses.replace(state, reason=ReasonRule(), links=()) for state in chart.states)
    arrows = tuple(dataclasses.replace(arrow, reason=ReasonRule()) for arrow in only_named(chart).transitions)
    return dataclasses.replace(chart, states=states, transitions=arrows, events=())


def expressible_charts() -> dict[str, Chart]:
    found = {name: orderfsm.load(name) for name in SHIPPED}
    return {name: satisfied(chart) for name, chart in found.items() if expressible(chart)}


def test_transitions_can_express_most_shipped_charts() -> None:
    assert len(expressible_charts()) >= 5


@given(st.data())
def test_the_table_walks_with_their_machines_on_shipped_charts(data: st.DataObject) -> None:
    chart = data.draw(st.sampled_from(list(expressible_charts().values())))
    said = dict.fromkeys(guard_names(chart), False)
    rivals = [Model()]
    nested_machine(chart, rivals[0], said)
    if not any(chart.ancestors.values()):
        rivals.append(Model())
        flat_machine(chart, rivals[1], said)
    here: str = orderfsm.start(chart).after
    for _ in range(data.draw(st.integers(0, 10))):
        event = data.draw(st.sampled_from(_events(chart)))
        said.update({name: data.draw(st.booleans()) for name in said})
        after = ours(chart, here, event, said)
        assert [theirs(rival, event) for rival in rivals] == [after] * len(rivals)
        here = here if after is None else after


# --- reading a machine of `transitions`


def is_ok() -> bool:
    return True


def test_a_flat_machine_becomes_a_chart() -> None:
    machine = transitions.Machine(
        states=["new", "paid", transitions.State("done", final=True)],
        initial="new",
        transitions=[
            {"trigger": "pay", "source": "new", "dest": "paid", "conditions": is_ok, "unless": "shop.is_closed"},
            {
                "trigger": "finish",
                "source": ["new", "paid"],
                "dest": "done",
                "conditions": [lambda: True, lambda: False],
            },
            {"trigger": "note", "source": "paid", "dest": None},
            {"trigger": "again", "source": "paid", "dest": "="},
        ],
    )
    chart = from_transitions(machine, "shop/order", "3")
    assert (chart.name, chart.version, chart.initial) == ("shop/order", "3", ("new",))
    assert [(state.name, state.kind) for state in chart.states] == [
        ("new", Kind.ATOMIC),
        ("paid", Kind.ATOMIC),
        ("done", Kind.FINAL),
    ]
    assert [(t.source, t.event, t.targets, tuple(g.name for g in t.guards)) for t in chart.transitions] == [
        ("new", "pay", ("paid",), ("is_ok", "not_is_closed")),
        ("new", "finish", ("done",), ("condition", "condition_2")),
        ("paid", "finish", ("done",), ("condition", "condition_2")),
        ("paid", "note", (), ()),
        ("paid", "again", ("paid",), ()),
    ]
    assert set(chart.guards) == {"is_ok", "not_is_closed", "condition", "condition_2"}
    assert orderfsm.step(chart, "paid", "note").after == "paid"


def test_automatic_transitions_stay_behind() -> None:
    machine = transitions.Machine(states=["a", "b"], initial="a", transitions=[["go", "a", "b"]])
    assert machine.get_triggers("a") != ["go"]
    assert [t.event for t in from_transitions(machine).transitions] == ["go"]


def test_a_nested_machine_becomes_a_chart_with_its_own_names() -> None:
    machine = HierarchicalMachine(
        states=[
            {"name": "open", "initial": "new", "children": ["new", "paid"], "transitions": [["pay", "new", "paid"]]},
            "done",
        ],
        initial="open",
        transitions=[["finish", "open", "done"], ["back", "done", "open_paid"]],
        auto_transitions=False,
    )
    chart = from_transitions(machine)
    assert [(state.name, state.kind.value, state.parent) for state in chart.states] == [
        ("open", "compound", None),
        ("open_new", "atomic", "open"),
        ("open_paid", "atomic", "open"),
        ("done", "atomic", None),
    ]
    first = orderfsm.start(chart).after
    assert [orderfsm.step(chart, first, event).after for event in ("pay", "finish")] == ["open_paid", "done"]
    assert orderfsm.step(chart, "done", "back").after == "open_paid"


def test_parallel_regions_become_regions() -> None:
    machine = HierarchicalMachine(
        states=[{"name": "work", "parallel": ["left", "right"]}], initial="work", auto_transitions=False
    )
    assert orderfsm.start(from_transitions(machine)).after == "work_left+work_right"


def test_a_state_with_children_and_no_initial_one_is_refused() -> None:
    machine = HierarchicalMachine(states=[{"name": "open", "children": ["new"]}], initial="open")
    with pytest.raises(UnsupportedFeature, match="open has children and no initial one; name one of them"):
        from_transitions(machine)


@given(st.data())
def test_a_flat_chart_drawn_as_a_machine_reads_back_as_itself(data: st.DataObject) -> None:
    chart = only_named(data.draw(charts(flat=True, rules=False)))
    again = from_transitions(flat_machine(chart, Model(), {}))
    bare = {(t.source, t.event, t.targets, len(t.guards)) for t in chart.transitions if not _ended(chart, t.source)}
    assert {(t.source, t.event, t.targets, len(t.guards)) for t in again.transitions} == bare
    assert [(s.name, s.kind) for s in again.states] == [(s.name, s.kind) for s in chart.states]


# --- the page


def test_the_how_to_runs_from_top_to_bottom() -> None:
    page = (Path(__file__).parent.parent / "docs" / "how-to" / "in-memory.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 5
    exec(compile("\n".join(blocks), "in-memory.md", "exec"), {"__name__": "page"})
