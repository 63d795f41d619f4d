"""Readers of the text formats that diagrams are drawn in, and what a picture says in the same words."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from orderfsm.chart import START
from orderfsm.diagrams.arrows import identifiers
from orderfsm.diagrams.captions import on_arrow, on_state, signed
from orderfsm.diagrams.overlay import Marks
from orderfsm.diagrams.picture import Edge, Node, Picture
from orderfsm.printable import printable

Said = tuple[str, frozenset[str], str]
"""An arrow: from where (a state, or `start` and the state that begins), to where, and what is said of it."""

BARE = Marks()


@dataclass
class Read:
    """What a reader found: the identifier of each node with what it is in and says, and arrows between identifiers."""

    parents: dict[str, str | None] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    arrows: list[tuple[str, str, str]] = field(default_factory=list)
    ends: list[tuple[str | None, str]] = field(default_factory=list)


def squashed(text: str) -> str:
    """A text without what wrapping and joining change."""
    return re.sub(r"[\s·]", "", printable(" ".join(text.split())))


# --- what a picture says


class Truth:
    """The states and arrows of a picture as text formats have them."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.nodes: dict[str, Node] = {node.name: node for node in picture.nodes}
        self.ids = identifiers(self.nodes)
        self.initial = dict(picture.initial)

    def around(self, name: str) -> Iterator[str]:
        parent = self.nodes[name].parent
        while parent is not None:
            yield parent
            parent = self.nodes[parent].parent

    def children(self, name: str) -> list[str]:
        return [node.name for node in self.picture.nodes if node.parent == name and not node.kind.is_history]

    def leaves(self, name: str) -> list[str]:
        inside = self.children(name)
        return [leaf for child in inside for leaf in self.leaves(child)] if inside else [name]

    def entered(self, source: str, target: str) -> list[str]:
        """What an arrow leads to: its target, or what is entered when it leads out to a state around its source."""
        if target not in self.around(source):
            return [target]
        first = self.initial[target] if target in self.initial else self.children(target)
        return [end for name in first for end in self.entered(source, name)]

    def parents(self) -> dict[str, str | None]:
        return {self.ids[node.name]: node.parent and self.ids[node.parent] for node in self.picture.nodes}

    def words(self) -> dict[str, str]:
        return {self.ids[n.name]: squashed("".join(c.text for c in on_state(n, BARE))) for n in self.picture.nodes}

    def arrows(self) -> set[Said]:
        found: set[Said] = set()
        for owner, targets in self.picture.initial:
            remembers = owner is not None and self.nodes[owner].kind.is_history
            source = str(owner) if remembers else f"start {owner or ''}"
            found.add((source, frozenset(targets), ""))
        for edge in self.picture.edges:
            for source, ends in [("start ", edge.targets)] if edge.source == START else self.ends(edge):
                found.add((source, frozenset(ends), self.said(edge)))
        return found

    def ends(self, edge: Edge) -> Iterator[tuple[str, Iterable[str]]]:
        """Where an arrow is drawn; what leads inwards, from the leaves of its source."""
        inward = any(edge.source in (target, *self.around(target)) for target in edge.targets)
        for source in self.leaves(edge.source) if inward else [edge.source]:
            yield source, [end for target in edge.targets for end in self.entered(source, target)]

    def said(self, edge: Edge) -> str:
        return squashed("".join(caption.text for caption in on_arrow((edge,), BARE)))


class Outlined(Truth):
    """The states and arrows of a picture as an outline has them: each arrow as it is, and none without a word."""

    def ends(self, edge: Edge) -> Iterator[tuple[str, Iterable[str]]]:
        yield edge.source, edge.targets

    def said(self, edge: Edge) -> str:
        return ("" if edge.label else "atonce") + super().said(edge)


def told(truth: Truth, read: Read, start: Callable[[str], str]) -> set[Said]:
    """The arrows that a reader found, forks resolved and lists of events taken apart; `start` knows starts."""
    names = {identifier: name for name, identifier in truth.ids.items()}
    behind: dict[str, set[str]] = {}
    for source, target, _ in read.arrows:
        if source.startswith("fork"):
            behind.setdefault(source, set()).add(names[target])
    known: dict[frozenset[str], set[str]] = {}
    for _, targets, said in truth.arrows():
        known.setdefault(targets, set()).add(said)
    found: set[Said] = set()
    for source, target, words in read.arrows:
        if not source.startswith("fork"):
            targets = frozenset(behind.get(target) or {names[target]})
            begins = start(source) if source not in names else names[source]
            found |= {(begins, targets, part) for part in parts(squashed(words), known.get(targets, set()))}
    return found


def parts(words: str, known: set[str]) -> tuple[str, ...]:
    """The known texts that a text is made of; the text itself when it is made of none."""
    if not words:
        return ("",)
    for each in sorted(filter(None, known), key=len, reverse=True):
        if words == each:
            return (each,)
        if words.startswith(each) and (rest := parts(words[len(each) :], known)) and set(rest) <= known:
            return (each, *rest)
    return (words,)


def assert_told(truth: Truth, found: set[Said]) -> None:
    """Every arrow is drawn, at its source or at a state around it; and what is drawn there holds for all inside."""
    wanted = truth.arrows()
    silent = {(source, targets) for source, targets, _ in found}

    def drawn(source: str, targets: frozenset[str], said: str) -> bool:
        return (source, targets, said) in found or (not said and (source, targets) in silent)

    def meant(source: str, targets: frozenset[str], said: str) -> bool:
        inside = truth.children(source) if source in truth.nodes else []
        return (source, targets, said) in wanted or (bool(inside) and all(meant(n, targets, said) for n in inside))

    missing = [
        arrow for arrow in wanted if not any(drawn(name, *arrow[1:]) for name in (arrow[0], *outwards(truth, arrow[0])))
    ]
    assert missing == []
    assert [arrow for arrow in found if not meant(*arrow)] == []


def outwards(truth: Truth, source: str) -> Iterable[str]:
    return truth.around(source) if source in truth.nodes else ()


# --- Graphviz

TOKEN = re.compile(r'\s*("[^"]*"|->|[{}\[\]=,]|[\w.]+|<)')


def tokens(text: str) -> Iterator[str]:
    place = 0
    while found := TOKEN.match(text, place):
        token, place = found[1], found.end()
        if token == "<":
            depth, begin = 1, place
            while depth:
                depth += {"<": 1, ">": -1}.get(text[place], 0)
                place += 1
            token = "<" + text[begin : place - 1]
        yield token
    assert text[place:].strip() == ""


def read_dot(text: str) -> Read:
    read, scopes = Read(), list[str | None]()
    stream = list(tokens(text))
    while stream:
        token = stream.pop(0)
        if token in ("digraph", "subgraph"):
            name = stream.pop(0)
            assert stream.pop(0) == "{"
            if token == "subgraph":
                read.parents[name.removeprefix("cluster_")] = scopes[-1]
            scopes.append(None if token == "digraph" else name.removeprefix("cluster_"))
        elif token == "}":
            scopes.pop()
        elif stream[0] == "->":
            stream.pop(0)
            head, given = stream.pop(0), dot_list(stream)
            ends = (given.get("ltail", token), given.get("lhead", head))
            source, target = (end.strip('"').removeprefix("cluster_") for end in ends)
            read.arrows.append((source, target, dot_words(given.get("label", ""))))
        else:
            given = dot_list(stream)
            if token == "graph" and scopes[-1]:
                read.words[scopes[-1]] = dot_words(given["label"])
            elif token.startswith("s_"):
                read.parents[token], read.words[token] = scopes[-1], dot_words(given["label"])
    assert scopes == []
    return read


def dot_list(stream: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    assert stream.pop(0) == "["
    while stream[0] != "]":
        name, equals, value = stream.pop(0), stream.pop(0), stream.pop(0)
        assert equals == "="
        found[name] = value
        if stream[0] == ",":
            stream.pop(0)
    stream.pop(0)
    return found


def dot_words(label: str) -> str:
    return squashed(html.unescape(re.sub(r"<[^>]*>", "", label[1:]))) if label else ""


# --- PlantUML

PLANTUML_STATE = re.compile(r'state "([^"]*)" as (s_\w+) <<\w+>>(?: ##\[dashed\])?( \{)?')
PLANTUML_ARROW = re.compile(r"(\[\*\]|\w+) (?:-->|-\[[\w#,]*\]->) (\[\*\]|\w+)(?: : (.*))?")
PLANTUML_OTHER = re.compile(
    r"@startuml|@enduml|hide (empty description|stereotype)|title .*|skinparam (state )?\{"
    r"|(background|border|font|start|end|activityBar|arrow|arrowFont|titleFont)Color(<<\w+>>)? #\w+"
    r"|arrowFontSize 11|shadowing false"
    r"|state fork_\d+ <<fork>>"
)


def read_plantuml(text: str) -> Read:
    read, scopes, depth = Read(), [None], 0
    scopes: list[str | None] = [None]
    for line in map(str.strip, text.splitlines()):
        if found := PLANTUML_STATE.fullmatch(line):
            read.parents[found[2]], read.words[found[2]] = scopes[-1], plantuml_words(found[1])
            if found[3]:
                scopes.append(found[2])
        elif line.startswith("skinparam"):
            depth += 1
        elif line == "}" and depth:
            depth -= 1
        elif line == "}":
            scopes.pop()
        elif found := PLANTUML_ARROW.fullmatch(line):
            arrow_in_scope(read, scopes[-1], found[1], found[2], plantuml_words(found[3] or ""))
        else:
            assert PLANTUML_OTHER.fullmatch(line), line
    assert scopes == [None]
    return read


def arrow_in_scope(read: Read, scope: str | None, source: str, target: str, words: str) -> None:
    """Where `[*]` begins or ends depends on where it stands."""
    if target == "[*]":
        read.ends.append((scope, source))
    else:
        read.arrows.append((f"start_{scope or ''}" if source == "[*]" else source, target, words))


def plantuml_words(label: str) -> str:
    plain = re.sub(r"</?(b|i|size(:\d+)?|color(:#\w+)?)>", "", label.replace("\\n", " "))
    return squashed(re.sub(r"<U\+([0-9A-F]+)>", lambda found: chr(int(found[1], 16)), plain))


# --- D2

D2_NODE = re.compile(r'(\w+): "((?:[^"\\]|\\.)*)" \{(.*?)(\})?')
D2_ARROW = re.compile(r'([\w.]+) -> ([\w.]+):(?: "((?:[^"\\]|\\.)*)")? \{class: [^}]*\}')
D2_OTHER = re.compile(
    r'direction: down|style\.fill: "#\w+"|class: \w+(; style\.stroke-dash: 5)?|(\w+): \{[^"]*("#\w+"[^"]*)*\}'
)


def read_d2(text: str) -> Read:
    read, scopes = Read(), list[str]()
    for line in map(str.strip, text.splitlines()):
        if line == "classes: {":
            scopes.append("classes")
        elif line == "}":
            scopes.pop()
        elif found := D2_ARROW.fullmatch(line):
            read.arrows.append((*arrow_ends(found[1], found[2]), d2_words(found[3] or "")))
            assert d2_is_there(read, found[2])
        elif found := D2_NODE.fullmatch(line):
            if found[1].startswith("s_"):
                read.parents[found[1]], read.words[found[1]] = scopes[-1] if scopes else None, d2_words(found[2])
            if not found[4]:
                scopes.append(found[1])
        else:
            assert D2_OTHER.fullmatch(line), line
    assert scopes == []
    return read


def arrow_ends(start: str, end: str) -> tuple[str, str]:
    """The identifiers at the ends of two paths; a start is known by what is around it."""
    around, _, source = start.rpartition(".")
    begins = f"start_{around.rpartition('.')[2]}" if source == "start" else source
    return begins, end.rpartition(".")[2]


def d2_is_there(read: Read, path: str) -> bool:
    """Whether a path names a node by all that is around it; D2 would make a new one otherwise."""
    names = path.split(".")
    return names[0].startswith("fork") or all(
        read.parents[name] == (names[place - 1] if place else None) for place, name in enumerate(names)
    )


def d2_words(label: str) -> str:
    return squashed(re.sub(r"\\(.)", lambda found: " " if found[1] == "n" else found[1], label))


# --- Mermaid

WORDS = r'(?:[^"<>;\n{}%:]|#\d+;|<br/>)*'
MERMAID_STATE = re.compile(rf'state "({WORDS})" as (s_\w+)')
MERMAID_ARROW = re.compile(rf"(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: ({WORDS}))?")
MERMAID_OTHER = re.compile(
    r"stateDiagram-v2|direction LR|--|state fork_\d+ <<fork>>|classDef \w+ [\w:#,-]+|class [\w,]+ \w+"
    rf"|%%{{init: {{\"theme\": \"dark\"}}}}%%|note left of s_\w+ : {WORDS}"
)


def read_mermaid(text: str) -> Read:
    read = Read()
    scopes: list[str | None] = [None]
    for line in map(str.strip, text.splitlines()):
        if found := MERMAID_STATE.fullmatch(line):
            read.parents[found[2]], read.words[found[2]] = scopes[-1], mermaid_words(found[1])
        elif found := re.fullmatch(r"state (s_\w+) \{", line):
            scopes.append(found[1])
        elif line == "}":
            scopes.pop()
        elif found := MERMAID_ARROW.fullmatch(line):
            arrow_in_scope(read, scopes[-1], found[1], found[2], mermaid_words(found[3] or "").lstrip("★▸"))
        else:
            assert MERMAID_OTHER.fullmatch(line), line
    assert scopes == [None]
    return read


def mermaid_words(label: str) -> str:
    return squashed(re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label.replace("<br/>", " ")))


# --- text

TEXT_ARROW = re.compile(r"(?:    |●)(?:──▶|╌╌▶|━━▶|╍╍▶|══▶) (.*)")
TEXT_STATE = re.compile(r"(?:[┌╔] )?(\S.*?)(?: · (?:end|side by side))?(?: ◀ now| • passed)?(?: » .*)?")


def read_text(text: str, truth: Truth) -> Read:
    """The outline, read by its margins; `truth` says which words mean which state."""
    read = Read()
    names = {text_name(node): node.name for node in truth.picture.nodes}
    bare = {re.sub(r"^[○◔‖✓✗⊘] ", "", name): truth.ids[found] for name, found in names.items()}
    scopes: list[str | None] = [None]
    here, told = None, False
    for line in text.splitlines()[1:]:
        rest = re.sub(r"^(?:[│║] ?)*", "", line)
        depth = len(re.findall("[│║]", line[: len(line) - len(rest)]))
        if found := TEXT_ARROW.fullmatch(rest):
            target, *words = re.split(r" {2,}", found[1])
            inner = rest.startswith("●")
            source = f"start_{scopes[-1] or ''}" if inner else str(here)
            ends = [bare[each] for each in target.split(" + ")]
            read.arrows += text_arrows(read, source, ends, "".join(words))
            told = True
        elif rest.startswith("    / ") or not rest or rest in ("└", "╚"):
            scopes, told = scopes[: depth + 1], False
        elif rest.startswith("     "):
            if told:
                source, target, said = read.arrows[-1]
                read.arrows[-1] = source, target, said + rest
        elif (found := TEXT_STATE.fullmatch(rest)) and found[1] in names:
            here = truth.ids[names[found[1]]]
            scopes = scopes[: depth + 1]
            read.parents[here] = scopes[-1]
            if rest[0] in "┌╔":
                scopes.append(here)
    return read


def text_name(node: Node) -> str:
    return f"{node.label} {node.parent}" if node.kind.is_history else signed(node, node.label)


def text_arrows(read: Read, source: str, ends: list[str], words: str) -> list[tuple[str, str, str]]:
    if len(ends) == 1:
        return [(source, ends[0], words)]
    fork = f"fork_{len(read.arrows)}"
    return [*((fork, end, "") for end in ends), (source, fork, words)]
