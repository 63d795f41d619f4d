"""Measuring: contestants take turns, the median of their rounds counts."""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Run = Callable[[int], float]
"""Does the work so many times and returns the seconds that it took; asserts that the result is right."""


@dataclass(frozen=True)
class Contestant:
    """Somebody who does the work: a name, and a function from a number of operations to seconds."""

    name: str
    run: Run


@dataclass(frozen=True)
class Target:
    """What was promised: `who` is at least `factor` times as fast as `peer` (`*`: as the fastest peer)."""

    who: str
    peer: str
    factor: float


@dataclass(frozen=True)
class Verdict:
    """A target beside what was measured."""

    said: str
    wanted: str
    found: str
    reached: bool | None


@dataclass
class Figure:
    """One table of the report: a value per contestant and round, in `unit`."""

    title: str
    unit: str
    work: str
    rounds: dict[str, list[float]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(self.rounds[name])

    def ratio(self, name: str, peer: str) -> float:
        """The median of the ratios round by round: what slows the computer down for a while slows both."""
        return statistics.median(a / b for a, b in zip(self.rounds[name], self.rounds[peer], strict=True))

    def at_most(self, name: str, limit: float, said: str) -> None:
        """Judge the median of a contestant against a limit."""
        found = self.median(name)
        self.verdicts.append(
            Verdict(said, f"at most {limit:g} {self.unit}", f"{found:.3g} {self.unit}", found <= limit)
        )

    def at_least(self, name: str, limit: float, said: str) -> None:
        """The same, where more is better."""
        found = self.median(name)
        wanted, told = f"at least {limit:,.0f} {self.unit}", f"{found:,.0f} {self.unit}"
        self.verdicts.append(Verdict(said, wanted, told, found >= limit))


def timed(work: Callable[[], object]) -> float:
    """The seconds that a piece of work takes, the garbage collector at rest."""
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin
    finally:
        gc.enable()


def race(
    title: str,
    work: str,
    contestants: Iterable[Contestant],
    *,
    seconds: float = 0.3,
    rounds: int = 9,
    targets: Iterable[Target] = (),
) -> Figure:
    """Operations per second of each contestant, who take turns; a turn takes about `seconds`."""
    figure = Figure(title, "/s", work)
    racers = list(contestants)
    numbers = {racer.name: _number(racer.run, seconds) for racer in racers}
    for turn in range(rounds):
        for racer in racers[turn % len(racers) :] + racers[: turn % len(racers)]:
            number = numbers[racer.name]
            figure.rounds.setdefault(racer.name, []).append(number / racer.run(number))
    figure.rounds = {racer.name: figure.rounds[racer.name] for racer in racers}
    for target in targets:
        figure.verdicts += _judged(figure, target)
    return figure


def _number(run: Run, seconds: float) -> int:
    """How many operations take about so many seconds; running them warms up as well."""
    number = 8
    while (spent := run(number)) < seconds / 4:
        number = max(number * 2, int(number * min(10, seconds / 3 / max(spent, 1e-6))))
    return max(1, int(number * seconds / spent))


def _judged(figure: Figure, target: Target) -> Iterable[Verdict]:
    rivals = [name for name in figure.rounds if name != target.who and not name.startswith(target.who)]
    peer = max(rivals, key=figure.median) if target.peer == "*" else target.peer
    if peer not in figure.rounds or target.who not in figure.rounds:
        yield Verdict(f"{target.who} : {target.peer}", f"at least {target.factor:g} x", "not measured", None)
        return
    ratio = figure.ratio(target.who, peer)
    shown = f"{peer} (the fastest peer)" if target.peer == "*" else peer
    yield Verdict(f"{target.who} : {shown}", f"at least {target.factor:g} x", f"{ratio:.3g} x", ratio >= target.factor)


def computer() -> Mapping[str, str]:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    load = Path("/proc/loadavg").read_text().split()[:3] if Path("/proc/loadavg").exists() else []
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{models[0]}, {len(models)} cores" if models else platform.processor(),
        "load when it began": " ".join(load),
    }
