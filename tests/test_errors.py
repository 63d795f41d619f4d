"""Errors: the tree, stable codes, refusals that work out why when asked, errors that travel."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from orderfsm import errors
from orderfsm.errors import (
    Blocker,
    ChartError,
    Conflict,
    DirectAssignment,
    DocumentError,
    ExpressionError,
    GuardFailed,
    GuardRefused,
    KeyReused,
    NotEnabled,
    OrderFsmError,
    Refused,
    UnsoundChart,
)
from orderfsm.finding import Finding

EVERY = sorted((getattr(errors, name) for name in errors.__all__ if name != "Blocker"), key=lambda cls: cls.__name__)


def test_every_error_is_an_orderfsm_error() -> None:
    assert all(issubclass(cls, OrderFsmError) for cls in EVERY)


def test_every_code_is_kebab_case_and_belongs_to_one_error() -> None:
    codes = [cls.code for cls in EVERY]
    assert len(set(codes)) == len(codes)
    assert all(code == code.lower() and code.replace("-", "").isalpha() for code in codes)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn = {line.split("── ")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "── " in line}
    assert drawn | {"OrderFsmError"} == {cls.__name__ for cls in EVERY}


@pytest.mark.parametrize("cls", [c for c in EVERY if c.__mro__[1] is Refused], ids=lambda cls: cls.__name__)
def test_every_refusal_carries_event_configuration_and_blockers(cls: type[Refused]) -> None:
    blocker = Blocker("b", "because", {"n": 1})
    refused = cls("t/o", "a", "go", (blocker,))
    assert (refused.chart, refused.configuration, refused.event) == ("t/o", "a", "go")
    assert refused.blockers == (blocker,)
    assert str(refused) == "because"


def test_a_refusal_without_blockers_still_says_what_was_refused() -> None:
    assert str(NotEnabled("t/o", "a", "go")) == "t/o refuses go in a"


def test_blockers_given_as_a_function_are_asked_for_once() -> None:
    asked: list[int] = []

    def why() -> tuple[Blocker, ...]:
        asked.append(1)
        return (Blocker("b", "because"),)

    refused = GuardRefused("t/o", "a", "go", why)
    assert asked == []
    assert refused.blockers is refused.blockers
    assert asked == [1]


def test_a_refusal_within_a_trace_tells_its_place() -> None:
    refused = NotEnabled("t/o", "a", "go", (Blocker("b", "because"),))
    refused.index = 3
    assert str(refused) == "3: because"
    assert pickle.loads(pickle.dumps(refused)).index == 3


def test_a_conflict_is_not_a_refusal_and_a_reused_key_is_a_conflict() -> None:
    assert not issubclass(Conflict, Refused)
    assert issubclass(KeyReused, Conflict)


def test_a_direct_assignment_is_an_attribute_error_as_well() -> None:
    assert issubclass(DirectAssignment, AttributeError)


# --- blockers


def test_blockers_are_values() -> None:
    one, same = Blocker("c", "m", {"n": 1}), Blocker("c", "m", {"n": 1})
    assert one == same
    assert hash(one) == hash(same)
    assert one != Blocker("c", "m", {"n": 2})
    assert one != ("c", "m", {"n": 1})
    assert repr(one) == "Blocker('c', 'm', {'n': 1})"
    with pytest.raises(AttributeError, match="a Blocker is a value; code cannot be set"):
        one.code = "d"


def test_a_blocker_keeps_its_own_parameters() -> None:
    parameters: dict[str, Any] = {"n": 1}
    blocker = Blocker("c", "m", parameters)
    parameters["n"] = 2
    assert blocker.parameters == {"n": 1}


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_blocker_is_copied_and_pickled(again: Any) -> None:
    blocker = Blocker("c", "m", {"n": [1]})
    assert again(blocker) == blocker


# --- errors travel


@pytest.mark.parametrize(
    "error",
    [
        DocumentError("odd", filename="x.yaml", line=3, column=4, path="states.a", remedy="even it"),
        ExpressionError("odd", text="a +", offset=3, remedy="add b"),
        UnsoundChart("two", (Finding("f", "error", "m"),)),
        GuardFailed("no fact", guard="g"),
        ChartError("plain"),
        Conflict("late"),
        NotEnabled("t/o", "a", "go", lambda: (Blocker("b", "because"),)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_pickled_with_all_it_knows(error: OrderFsmError) -> None:
    revived = pickle.loads(pickle.dumps(error))
    assert type(revived) is type(error)
    assert str(revived) == str(error)
    assert repr(revived) == repr(error)
    assert {name: vars(revived)[name] for name in vars(error)} == vars(error)


def test_a_document_error_says_where_and_what_to_do() -> None:
    error = DocumentError("odd", filename="x.yaml", line=3, column=4, path="states.a", remedy="even it")
    assert str(error) == "x.yaml:3:4: states.a: odd (even it)"
    assert str(DocumentError("odd", filename="x.yaml")) == "x.yaml: odd"


def test_an_expression_error_says_where_and_what_to_do() -> None:
    assert str(ExpressionError("odd", text="a +", offset=3, remedy="add b")) == "odd at column 4 of `a +` (add b)"
