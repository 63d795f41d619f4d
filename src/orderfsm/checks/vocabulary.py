"""The public words: do they keep to the vocabulary's spelling, and does an alias hide one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .spelling import Unreadable, fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orderfsm.chart import Chart, Position
    from orderfsm.finding import Finding

    from .study import Draft

__all__ = ["hidden", "misspelt"]


def misspelt(draft: Draft) -> Iterator[Finding]:
    """Codes that the chart's `spelling` does not match in full."""
    chart = draft.chart
    if not chart.spelling:
        return
    try:
        wrong = [code for code in chart.codes if not fits(chart.spelling, code)]
    except Unreadable as error:
        said = f"the spelling {chart.spelling[:80]!r} cannot be read: {error}"
        yield draft.finding("spelling-unreadable", said, at=draft.place("spelling"), path="spelling")
        return
    for code in wrong:
        name, position = _bearer(chart, code)
        said = f"the code {code!r} does not match the spelling {chart.spelling}"
        yield draft.finding("misspelt-code", said, at=position, path=f"states.{name}", witness=[code])


def _bearer(chart: Chart, code: str) -> tuple[str, Position]:
    state = next(state for state in chart.states if code in (state.code, state.name))
    return state.name, state.position


def hidden(draft: Draft) -> Iterator[Finding]:
    """Aliases that are codes themselves: that code could never be said."""
    for alias, code in draft.chart.aliases.items():
        if alias in draft.chart.codes and alias != code:
            path = f"codes.aliases.{alias}"
            said = f"the alias {alias} for {code} hides the code {alias} of the vocabulary"
            yield draft.finding("alias-hides-code", said, at=draft.place(path), path=path, witness=[alias, code])
