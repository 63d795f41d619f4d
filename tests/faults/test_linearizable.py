"""The checker of lists that are only appended to, against one that tries every order."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from hypothesis import event, given
from hypothesis import strategies as st

from faults.tier import SOAK
from orderfsm.testing.explorer.linearizable import Operation, problems


def append(name: str, invoked: int, answered: int | None, place: int | None = None) -> Operation:
    return Operation(name, invoked, answered, place)


def read(invoked: int, answered: int, length: int) -> Operation:
    return Operation(None, invoked, answered, length)


def test_what_happened_one_after_the_other_is_fine() -> None:
    assert problems([append("a", 1, 2, 1), read(3, 4, 1), append("b", 5, 6, 2), read(7, 8, 2)], ["a", "b"]) == []


def test_what_was_answered_before_another_was_asked_comes_before_it() -> None:
    assert problems([append("b", 1, 2, 2), append("a", 3, 4, 1)], ["a", "b"])


def test_what_overlaps_may_come_in_either_order() -> None:
    assert problems([append("b", 1, 3, 2), append("a", 2, 4, 1)], ["a", "b"]) == []


def test_a_read_that_misses_what_was_acknowledged_before_is_stale() -> None:
    assert problems([append("a", 1, 2, 1), read(3, 4, 0)], ["a"])


def test_a_read_may_see_what_is_still_in_doubt() -> None:
    assert problems([append("a", 1, None), read(2, 3, 1)], ["a"]) == []
    assert problems([append("a", 4, None), read(2, 3, 1)], ["a"])


def test_reads_that_see_the_list_shrink_are_refused() -> None:
    assert problems([append("a", 1, None), read(2, 3, 1), read(4, 5, 0)], ["a"])


def test_an_append_must_be_where_its_client_was_told() -> None:
    assert problems([append("a", 1, 2, 1)], []) == ["a was told place 1 and is at None"]
    assert problems([append("a", 1, 2, 1), append("b", 1, 2, 1)], ["a", "b"]) == ["b was told place 1 and is at 2"]


def possible(operations: Sequence[Operation], final: list[str], length: int = 0) -> bool:
    """Whether some order explains it: tries each operation that may come next."""
    if all(op.answered is None for op in operations) and length == len(final):
        return True
    for place, op in enumerate(operations):
        others = [*operations[:place], *operations[place + 1 :]]
        if any(other.answered is not None and other.answered < op.invoked for other in others):
            continue
        fits = op.result == length if op.name is None else final[length : length + 1] == [op.name]
        fits = fits and (op.name is None or op.result in (None, length + 1))
        if fits and possible(others, final, length + (op.name is not None)):
            return True
    return False


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Operation], list[str]]:
    """Mostly what a correct list would answer; sometimes an answer is off by one, or comes at another time."""
    count = draw(st.integers(1, 6))
    moments = st.integers(0, 12)
    list_: list[str] = []
    made: list[Operation] = []
    for number in range(count):
        invoked, moment, answered = sorted(draw(st.tuples(moments, moments, moments)))
        made.append(Operation(f"a{number}" if draw(st.booleans()) else None, invoked, answered, moment))
    for place in sorted(range(count), key=lambda place: (made[place].result, place)):
        op = made[place]
        kept = op.name is not None and draw(st.integers(0, 9)) < 9
        if kept:
            list_.append(op.name)  # type: ignore[arg-type]
        off = draw(st.sampled_from((0, 0, 0, 0, 0, 0, 1, -1)))
        unanswered = op.name is not None and draw(st.integers(0, 4)) == 0
        made[place] = Operation(
            op.name, op.invoked, None if unanswered else op.answered, None if unanswered else max(0, len(list_) + off)
        )
    return made, draw(st.sampled_from((list_, list_, list_, list_[::-1])))


@given(histories())
def test_it_agrees_with_trying_every_order(history: tuple[list[Operation], list[str]]) -> None:
    operations, final = history
    expected = possible([op for op in operations if op.answered is not None or op.name in final], final)
    event("possible" if expected else "impossible")
    assert (problems(operations, final) == []) == expected


def test_a_hundred_thousand_operations_are_judged_in_about_a_second() -> None:
    """A second on a quiet machine; what took the square of their number would not end within a test's time."""
    drawn = random.Random(1)
    operations = [
        append(f"a{n}", 10 * n - drawn.randrange(40), 10 * n + drawn.randrange(40), n + 1) for n in range(50_000)
    ]
    operations += [read(10 * n + 3, 10 * n + 80, n + 1 + drawn.randrange(3)) for n in range(50_000 - 3)]
    final = [f"a{n}" for n in range(50_000)]
    drawn.shuffle(operations)
    began = time.perf_counter()
    assert problems(operations, final) == []
    if SOAK:
        assert time.perf_counter() - began < 5
    late = append("a7", 900_000, 900_001, 8)
    assert problems([late, *(op for op in operations if op.name != "a7")], final)
