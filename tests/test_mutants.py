"""Every way of breaking a sound chart is noticed; the page that says how often is up to date."""

from __future__ import annotations

import os

import pytest

import orderfsm
from mutants import BEGIN, END, MUTATIONS, PAGE, Mutation, charts, drawn, found, own, renewed, shipped
from orderfsm.diagnosis import DIAGNOSES

MISSED = {("add an arrow with another guard", "cablelabs/order")}
"""Broken charts that the check is known to let pass; docs/explanation/checks.md says why."""

NOT_BROKEN = {"too-many-configurations", "not-compilable", "rollup-unproved"}
"""Findings that no mutation is for: the size of a chart, and two that stand for what no other finding says."""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_a_broken_chart_is_noticed(mutation: Mutation) -> None:
    tried = 0
    for chart in (*shipped(), *own(), drawn(0), drawn(1)):
        for mutant in mutation.mutants(chart):
            tried += 1
            known = (mutation.name, chart.name) in MISSED
            assert found(mutation, chart, mutant) or known, f"{chart.name}: {orderfsm.check(mutant)}"
    assert tried


def test_there_is_a_mutation_for_every_finding_about_charts() -> None:
    wanted = {code for code in DIAGNOSES if not code.startswith("history-")} - NOT_BROKEN
    assert {mutation.code for mutation in MUTATIONS} == wanted


def test_a_mutant_is_not_the_chart_that_it_was_made_from() -> None:
    visible = [
        each for each in MUTATIONS if each.code != "negative-without-reason"
    ]  # an unsaid `optional` is equal to one said
    for mutation in visible:
        for chart in charts()[:12]:
            assert all(mutant != chart for mutant in mutation.mutants(chart))


@pytest.mark.parametrize("chart", [*shipped(), *own()], ids=lambda chart: chart.name)
def test_the_charts_that_are_broken_were_sound(chart: orderfsm.Chart) -> None:
    assert orderfsm.check(chart) == ()


@pytest.mark.skipif("ORDERFSM_SOAK" not in os.environ, reason="half a minute for a page: make soak")
def test_the_page_shows_what_is_measured() -> None:
    """Stale? `python -m tests.mutants` writes it anew."""
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert text == renewed(text)
