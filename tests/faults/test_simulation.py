"""Thousands of interleavings, each decided by a seed: none goes wrong, and every planted fault does."""

from __future__ import annotations

import time

import pytest

from faults.mutants import MUTANTS
from faults.simulation import simulate
from faults.tier import by_tier, report

SEEDS = by_tier(2_000, 100_000, 1_000_000)


def test_no_interleaving_goes_wrong() -> None:
    began = time.perf_counter()
    acknowledged = doubts = repeated = refused = 0
    for seed in range(SEEDS):
        verdict = simulate(seed)
        assert verdict.faults == {}, f"seed {seed}: {verdict}"
        acknowledged += verdict.acknowledged
        doubts += verdict.in_doubt
        repeated += verdict.repeated
        refused += verdict.refused
    rate = SEEDS / (time.perf_counter() - began)
    report(
        f"simulation, {SEEDS} seeds, {rate:.0f}/s, {acknowledged} acknowledged, {repeated} repeated", 3, SEEDS, "fine"
    )
    assert min(acknowledged, repeated, refused) > SEEDS / 4


def test_the_same_seed_is_the_same_run() -> None:
    assert [simulate(seed) for seed in range(50)] == [simulate(seed) for seed in range(50)]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_found_within_a_thousand_seeds(name: str) -> None:
    found = next((seed for seed in range(1_000) if simulate(seed, **MUTANTS[name]).faults), None)
    assert found is not None
