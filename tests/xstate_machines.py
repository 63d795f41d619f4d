"""Machines of XState drawn at random, as their configuration: nested, parallel, with memory, guards, delays, actions.

Every state has its key for an id. Many of them use what orderfsm leaves out; who wants to compare draws on.
"""

from __future__ import annotations

from random import Random
from typing import Any

GUARDS = ("g0", "g1", "g2")
EVENTS = ("a", "b", "c", "d", "e")
"""`d` is answered by the machine itself if at all, `e` by nobody but `*`."""


def machine(random: Random) -> dict[str, Any]:
    """A machine of at most about thirty states."""
    return _Machine(random).root()


def delays(config: dict[str, Any]) -> list[str]:
    """The events of XState for the delays of a machine."""
    found = [f"xstate.after.{delay}.{config['id']}" for delay in config.get("after", {})]
    return found + [event for inside in config.get("states", {}).values() for event in delays(inside)]


class _Machine:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.nodes: dict[str, dict[str, Any]] = {}

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def root(self) -> dict[str, Any]:
        states = dict(self.node(0) for _ in range(self.random.randint(2, 4)))
        root = {"id": "m", "initial": self.random.choice(list(states)), "states": states}
        for name, node in self.nodes.items():
            if node.get("type") not in ("final", "history"):
                self.furnish(name, node)
        if self.chance(0.3):
            root["on"] = {"d": self.arrow("root") | {"target": self.target()}}
        if self.chance(0.3):
            root["entry"] = "in_root"
        return root

    def node(self, depth: int, *, region: bool = False) -> tuple[str, dict[str, Any]]:
        name = f"s{len(self.nodes) + 1}"
        node = self.nodes[name] = {"id": name}
        kind = self.random.random()
        if depth == 2 or (kind < 0.5 and not region):
            if depth and not region and self.chance(0.25):
                node["type"] = "final"
            return name, node
        parallel = kind > 0.8 and not region
        states = node["states"] = dict(self.node(depth + 1, region=parallel and depth == 0) for _ in range(2))
        if parallel:
            node["type"] = "parallel"
        else:
            node["initial"] = self.random.choice(list(states))
            if self.chance(0.4):
                states.update([self.memory(list(states))])
        return name, node

    def memory(self, beside: list[str]) -> tuple[str, dict[str, Any]]:
        name = f"s{len(self.nodes) + 1}"
        node = self.nodes[name] = {"id": name, "type": "history", "history": self.random.choice(["shallow", "deep"])}
        if self.chance(0.5):
            node["target"] = self.random.choice(beside)
        return name, node

    def furnish(self, name: str, node: dict[str, Any]) -> None:
        if self.chance(0.3):
            node["entry"] = f"in_{name}"
        if self.chance(0.3):
            node["exit"] = [f"out_{name}"]
        on = {event: self.arrows(name) for event in "abc" if self.chance(0.5)}
        node["on"] = on | ({"*": self.arrow(name)} if self.chance(0.1) else {})
        if self.chance(0.15):
            node["after"] = {"50": self.arrow(name)}
        if self.chance(0.05):
            node["always"] = [{"target": self.target(), "guard": "g0"}]
        if "states" in node and self.chance(0.4):
            node["onDone"] = self.arrow(name)

    def arrows(self, name: str) -> Any:
        return [self.arrow(name) for _ in range(self.random.randint(1, 2))] if self.chance(0.5) else self.arrow(name)

    def arrow(self, name: str) -> dict[str, Any]:
        arrow: dict[str, Any] = {}
        if self.chance(0.95):
            arrow["target"] = self.target()
        if self.chance(0.3):
            arrow["reenter"] = True
        if self.chance(0.3):
            arrow["guard"] = self.random.choice(GUARDS)
        if self.chance(0.3):
            arrow["actions"] = self.random.choice([f"x_{name}", [f"x_{name}", f"y_{name}"], {"type": f"z_{name}"}])
        return arrow

    def target(self) -> str:
        return f"#{self.random.choice(list(self.nodes))}"
