"""The tools that diagrams are drawn for read them, and see what the chart says: Graphviz, PlantUML, Mermaid, D2.

tests/diagrams/install.sh installs them. One process per tool reads all charts; Graphviz takes one chart at a time.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import orderfsm
from kept_diagrams import Read, arrow_ends, read_d2, read_dot, read_mermaid, read_plantuml, squashed
from orderfsm import catalogue, diagrams
from orderfsm.chart import Category, Chart, Guard, State, Transition
from test_diagrams import shop
from test_svg import NASTY

HERE = Path(__file__).parent / "diagrams"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
FOLDER = Path(os.environ.get("ORDERFSM_DIAGRAMS") or CACHE / "orderfsm-diagrams")
SVG = "{http://www.w3.org/2000/svg}"

Case = tuple[str, str, str]
"""A chart, a detail and a profile."""


def cases() -> list[Case]:
    """All charts in full, the two largest also as codes and plainly; in a soak all charts in every detail."""
    some = [(name, "full", "full") for name in (*catalogue.names(), "shop", "crowd")]
    some += [("stapi/order", "codes", "full"), ("stat/order", "plain", "full")]
    if os.environ.get("ORDERFSM_SOAK"):
        profiles = ("full", "strict")
        some += [(name, d, p) for name in catalogue.names() for d in diagrams.DETAILS for p in profiles]
    return list(dict.fromkeys(some))


def chart_of(name: str, profile: str) -> Chart:
    made = {"shop": shop, "crowd": crowd}
    return made[name]() if name in made else orderfsm.load(name, profile=profile)


def crowd() -> Chart:
    """States, codes, guards, events and actors that are meant to break out, all in one chart."""
    texts = [payload for payload in NASTY if len(payload) < 100]
    states = tuple(State(text, code=f"{text}!", category=Category.OPEN) for text in texts)
    arrows = (
        Transition(text, (text,), (texts[place - 1],), guards=(Guard(text),), by=(text,), links=(text,))
        for place, text in enumerate(texts)
    )
    stays = (Transition(text, (text,)) for text in texts)
    return Chart("x/y", states, (*arrows, *stays), title=" ".join(texts), initial=(texts[0],))


def drawn(case: Case, format: str) -> str:
    name, detail, profile = case
    return diagrams.render(chart_of(name, profile), format, detail=detail)


def tool(name: str) -> str:
    """Where a program is; skips the test when it is absent."""
    return shutil.which(name) or pytest.skip(f"{name} is not installed; tests/diagrams/install.sh installs it")


def package(name: str) -> None:
    """Skip the test when a package of npm is absent."""
    tool("node")
    if not (FOLDER / "node_modules" / name).is_dir():
        pytest.skip(f"{name} is not in {FOLDER}; tests/diagrams/install.sh installs it")


def asked(script: str, texts: list[str], *options: str) -> list[Any]:
    """What a script found in each of the diagrams."""
    command = [tool("node"), *options, str(HERE / script), str(FOLDER)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(done.stdout)
    assert len(found) == len(texts)
    return found


# --- Mermaid


def test_mermaid_sees_the_states_and_arrows() -> None:
    package("mermaid")
    texts = [drawn(case, "mermaid") for case in cases()]
    for case, text, seen in zip(cases(), texts, asked("mermaid.mjs", texts), strict=True):
        assert_seen_by_mermaid(case, seen, read_mermaid(text))


def assert_seen_by_mermaid(case: Case, seen: Any, read: Read) -> None:
    assert "error" not in seen, (case, seen["error"])
    nodes = {node["id"]: node for node in seen["nodes"]}
    states = {name: node for name, node in nodes.items() if name.startswith("s_") and node["shape"][:5] != "state"}
    assert {name: decoded(node["label"]) for name, node in states.items()} == read.words, case
    assert {name: beyond_dividers(nodes, node.get("parentId")) for name, node in states.items()} == read.parents, case
    edges = Counter((edge["start"], edge["end"], decoded(edge["label"]).lstrip("★▸")) for edge in seen["edges"])
    ends = [(name, f"{scope or 'root'}_end", "") for scope, name in read.ends]
    starts = re.compile(r"start_(.*)")
    arrows = ((starts.sub(lambda it: f"{it[1] or 'root'}_start", source), *rest) for source, *rest in read.arrows)
    assert edges == Counter([*map(tuple, arrows), *ends]), case


def beyond_dividers(nodes: dict[str, Any], parent: str | None) -> str | None:
    """A region of Mermaid's own is a divider between a state and what is in it."""
    return nodes[parent].get("parentId") if parent and nodes[parent]["shape"] == "divider" else parent


def decoded(label: str) -> str:
    """A label as Mermaid shows it: its own signs for entities, which it replaces when it draws."""
    entities = label.replace("ﬂ°°", "&#").replace("ﬂ°", "&").replace("¶ß", ";")
    return squashed(html.unescape(entities.replace("<br>", " ").replace("<br/>", " ")))


# --- D2


def test_d2_sees_the_states_and_arrows() -> None:
    package("@terrastruct/d2")
    texts = [drawn(case, "d2") for case in cases()]
    for case, text, seen in zip(cases(), texts, asked("d2.mjs", texts, "--liftoff-only"), strict=True):
        assert_seen_by_d2(case, seen, read_d2(text))


def assert_seen_by_d2(case: Case, seen: Any, read: Read) -> None:
    assert "error" not in seen, (case, seen["error"])
    paths = {node["id"].rpartition(".")[2]: node for node in seen["nodes"]}
    states = {name: node for name, node in paths.items() if name.startswith("s_")}
    assert {name: squashed(node["label"]) for name, node in states.items()} == read.words, case
    around = {name: node["id"].split(".")[-2:-1] for name, node in states.items()}
    assert {name: outer[0] if outer else None for name, outer in around.items()} == read.parents, case
    edges = ((*arrow_ends(edge["start"], edge["end"]), squashed(edge["label"])) for edge in seen["edges"])
    assert Counter(edges) == Counter(read.arrows), case


# --- Graphviz


@pytest.mark.parametrize("case", cases(), ids="-".join)
def test_graphviz_sees_the_states_and_arrows(case: Case) -> None:
    text = drawn(case, "dot")
    done = subprocess.run([tool("dot"), "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    read, page = read_dot(text), ET.fromstring(done.stdout)
    words: dict[str, list[tuple[str, str]]] = {"node": [], "cluster": [], "edge": []}
    for group in page.iter(f"{SVG}g"):
        title = group.findtext(f"{SVG}title") or ""
        said = squashed("".join("".join(text.itertext()) for text in group.findall(f"{SVG}text")))
        words.get(str(group.get("class")), []).append((title.removeprefix("cluster_"), said))
    states = dict([*words["cluster"], *(each for each in words["node"] if each[0].startswith("s_"))])
    assert states == read.words
    assert Counter(said for _, said in words["edge"]) == Counter(said for *_, said in read.arrows)
    assert {name for name, _ in words["cluster"]} == {parent for parent in read.parents.values() if parent}


def test_graphviz_has_nothing_to_say_about_differences() -> None:
    strict, stapi = orderfsm.load("stat/order", profile="strict"), orderfsm.load("stapi/order")
    for old, new in ((strict, orderfsm.load("stat/order")), (stapi, strict), (strict, stapi)):
        text = diagrams.render(diagrams.difference(old, new), "dot")
        done = subprocess.run([tool("dot"), "-Tsvg"], input=text, capture_output=True, text=True, check=True)
        assert done.stderr == ""


# --- PlantUML


def test_plantuml_sees_the_states_and_arrows(tmp_path: Path) -> None:
    program, _ = tool("plantuml"), tool("dot")
    files = {tmp_path / f"{number}.puml": drawn(case, "plantuml") for number, case in enumerate(cases())}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    command = [program, "-tsvg", "-charset", "UTF-8", *map(str, files)]
    quick = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | quick)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Picked up JAVA_TOOL_OPTIONS")]
    assert (done.returncode, complaints) == (0, [])
    for case, (path, text) in zip(cases(), files.items(), strict=True):
        assert_seen_by_plantuml(case, path.with_suffix(".svg").read_text("utf-8"), read_plantuml(text))


def assert_seen_by_plantuml(case: Case, seen: str, read: Read) -> None:
    arrows = Counter((source, target) for source, target, _ in read.arrows)
    arrows += Counter((name, f"*end*{scope or ''}") for scope, name in read.ends)
    ids = [html.unescape(found) for found in re.findall(r'<path [^>]*?id="([^"]*)"', seen)]
    assert Counter(plantuml_ends(found) for found in ids) == arrows, case
    frames = {parent for parent in read.parents.values() if parent}
    assert set(re.findall(r"cluster (\w+)-->", seen)) <= frames, case  # what no arrow leads into is drawn on its own
    shown = squashed("".join(html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)", seen)))
    for words in (*read.words.values(), *(said for *_, said in read.arrows)):
        assert words in shown, case


def plantuml_ends(found: str) -> tuple[str, str]:
    """The ends of an arrow from its id: `*start*s_pending->s_received`."""
    source, target = re.split("->|-to-", found)
    begins = f"start_{source.removeprefix('*start').removeprefix('*')}" if source.startswith("*start") else source
    return begins, f"*end*{target.removeprefix('*end').removeprefix('*')}" if target.startswith("*end") else target
