"""Documents that are broken, huge or hostile: a message with its line, without much work, and never a crash."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import orderfsm
from faults.tier import by_tier
from kept_work import calls
from orderfsm.errors import ChartError, DocumentError

GENERATED = by_tier(300, 50_000)
MANY = 10_000_000
"""Calls of functions: a second's work."""

SOUND = """\
chart: shop/order
version: "1"
title: Orders
initial: waiting
codes: {aliases: {open: new}}
states:
  waiting:
    initial: new
    states:
      new: {category: open, after: {P3D: expire}}
      checked: {category: open}
  held: {category: suspended}
  sent: {final: true, category: done, code: SENT}
  gone: {final: true, category: cancelled}
actors: {staff: Who works there.}
guards: {credit_ok: The customer has credit.}
reasons: {codes: {late: It was late.}}
links: {invoice: The invoice.}
actions: {mail: Tell the customer.}
events:
  check: {from: new, to: checked, when: "payload.amount > 3", guard: credit_ok, by: staff, basis: stated}
  send: {from: checked, to: sent, emit: [mail], links: [invoice]}
  expire: {from: new, to: gone, reason: required}
  hold: {from: waiting, to: held}
  resume: {from: held, to: checked}
rules:
  - never sent unless was checked
"""

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(7)
)

HAND = {
    "nothing": "",
    "a space": " ",
    "a comment": "# nothing here\n",
    "three dashes": "---\n",
    "two documents": SOUND + "---\n" + SOUND,
    "a number": "17",
    "a text": "chart",
    "a list": "- chart\n- version\n",
    "null": "null",
    "a bomb of aliases": BOMB,
    "an alias of itself": "chart: &a [*a]\n",
    "a mapping in itself": "chart: &a\n  b: *a\n",
    "a merge key": "base: &b {x: 1}\nchart: shop/order\nstates:\n  <<: *b\n",
    "an unknown alias": "chart: *nobody\n",
    "two hundred thousand brackets": "[" * 200_000,
    "two hundred thousand braces": "{" * 200_000,
    "a hundred thousand dashes": "- " * 100_000 + "x",
    "a hundred thousand question marks": "? " * 100_000,
    "deep mappings": "".join(f"{' ' * n}a:\n" for n in range(3_000)),
    "deep states": "chart: a/b\nversion: '1'\ninitial: s\nstates:\n"
    + "".join(f"{'  ' * (2 * n + 1)}s{n}:\n{'  ' * (2 * n + 2)}states:\n" for n in range(200)),
    "a megabyte": "chart: " + "x" * 1_000_000,
    "a megabyte of states": "chart: a/b\nversion: '1'\ninitial: s0\nstates:\n"
    + "".join(f"  s{n}: {{}}\n" for n in range(90_000)),
    "many states": "chart: a/b\nversion: '1'\ntitle: t\ninitial: s0\nstates:\n"
    + "".join(f"  s{n}: {{}}\n" for n in range(5_000)),
    "many regions": "chart: a/b\nversion: '1'\ntitle: t\ninitial: p\nstates:\n  p:\n    parallel: true\n    states:\n"
    + "".join(f"      r{n}: {{initial: a{n}, states: {{a{n}: {{}}, b{n}: {{}}}}}}\n" for n in range(24))
    + "events:\n"
    + "".join(f"  e{n}: {{from: a{n}, to: b{n}}}\n" for n in range(24)),
    "a tag of Python": "chart: !!python/object/apply:os.system ['true']\n",
    "a tag of our own": "chart: !thing x\n",
    "a binary tag": "chart: !!binary aGVsbG8=\n",
    "a set": "chart: !!set {a, b}\n",
    "a timestamp as a version": SOUND.replace('"1"', "2024-01-01"),
    "a number as a version": SOUND.replace('"1"', "1.10"),
    "five thousand digits": SOUND.replace('"1"', "9" * 5_000),
    "five thousand digits in a guard": SOUND.replace("> 3", "> " + "9" * 5_000),
    "keys that are words of YAML 1.1": SOUND.replace("hold:", "on:").replace("resume:", "no:"),
    "a key twice": SOUND.replace("  held:", "  held: {}\n  held:"),
    "an event twice": SOUND.replace("  hold:", "  hold: {from: new, to: held}\n  hold:"),
    "a key that is a list": "[a, b]: c\n",
    "a key that is a mapping": "{a: b}: c\n",
    "an unknown key": SOUND.replace("title:", "titel:"),
    "an unknown state": SOUND.replace("to: held", "to: helt"),
    "an unknown initial state": SOUND.replace("initial: waiting", "initial: nowhere"),
    "no initial state": SOUND.replace("initial: waiting\n", ""),
    "no states": SOUND[: SOUND.index("states:")],
    "states as a list": "chart: a/b\nversion: '1'\ninitial: a\nstates: [a, b]\n",
    "a state that is a number": SOUND.replace("held: {category: suspended}", "held: 17"),
    "an unknown category": SOUND.replace("category: suspended", "category: paused"),
    "a duration that is none": SOUND.replace("P3D", "three days"),
    "a duration of ages": SOUND.replace("P3D", "P" + "9" * 400 + "D"),
    "a negative duration": SOUND.replace("P3D", "-P3D"),
    "a guard that calls": SOUND.replace("payload.amount > 3", "__import__('os').system('true')"),
    "a guard that walks": SOUND.replace("payload.amount > 3", "().__class__.__bases__[0].__subclasses__()"),
    "a guard that multiplies": SOUND.replace("payload.amount > 3", "9**9**9**9"),
    "a guard that repeats": SOUND.replace("payload.amount > 3", "'a' * 1000000000"),
    "a guard of five thousand terms": SOUND.replace("payload.amount > 3", " and ".join(["order.paid"] * 5_000)),
    "a guard of deep parentheses": SOUND.replace("payload.amount > 3", "(" * 5_000 + "order.paid" + ")" * 5_000),
    "a guard of many nots": SOUND.replace("payload.amount > 3", "not " * 5_000 + "order.paid"),
    "a guard that does not end": SOUND.replace("payload.amount > 3", "payload.amount >"),
    "an empty guard": SOUND.replace("payload.amount > 3", ""),
    "a spelling that never ends": SOUND + 'spelling: "(a+)+$"\n',
    "NUL": SOUND.replace("Orders", "Or\0ders"),
    "a bell": SOUND.replace("Orders", "Or\x07ders"),
    "half a surrogate pair": SOUND.replace("Orders", "Or\ud800ders"),
    "a mark that turns the direction": SOUND.replace("Orders", "Or\u202eders"),
    "tabs": SOUND.replace("  held", "\theld"),
    "a quote that does not end": SOUND.replace('"1"', '"1'),
    "a bracket that does not end": SOUND.replace("[mail]", "[mail"),
    "a colon too many": SOUND.replace("title: Orders", "title: Orders: all"),
    "Windows' line ends": SOUND.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + SOUND,
    "a rule that is none": SOUND.replace("never sent unless was checked", "sent must never"),
    "events that raise each other": SOUND.replace("emit: [mail]", "raise: [check, send, hold, resume]"),
}


def judged(text: str) -> str:
    """What became of a document: `fine`, or what is wrong, and where. Whatever else is raised is a crash."""
    try:
        orderfsm.read(text, filename="x.yaml")
    except ChartError as error:
        return verified(error)
    return "fine"


def verified(error: ChartError) -> str:
    """The message, which has a line and names the file."""
    said = str(error)
    assert not isinstance(error, DocumentError) or error.line >= 1, f"no line: {said}"
    assert said.startswith("x.yaml:"), said
    return said


@pytest.mark.parametrize("name", HAND)
def test_a_malformed_document_is_told_of_with_a_seconds_work(name: str) -> None:
    said: list[str] = []
    assert calls(lambda: said.append(judged(HAND[name]))) < MANY
    assert len(said[0]) < 20_000


def test_there_are_sixty_of_them_and_the_sound_one_is_read() -> None:
    assert len(HAND) >= 60
    assert judged(SOUND) == "fine"


def test_all_of_them_together_take_less_than_256_megabytes() -> None:
    program = (
        "import re, test_malformed\nfrom pathlib import Path\n"
        "for text in test_malformed.HAND.values():\n    test_malformed.judged(text)\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert int(done.stdout) < 256


TOKENS = (
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "? ",
    "&a ",
    "*a",
    "!!str ",
    "|",
    ">",
    "'",
    '"',
    "#",
    "%",
    "@",
    "\t",
    "\n",
    "\0",
    "<<",
    "~",
    "null",
    "9" * 30,
    "\ud800",
    "é",
    "…",
    "not ",
    "(",
    "from",
    "to",
    "*",
)


def mutated(drawn: random.Random) -> str:
    """The sound document after one to four accidents: characters and lines that are lost, doubled, moved or strange."""
    text = SOUND
    for _ in range(drawn.randint(1, 4)):
        lines = text.split("\n")
        row, other = drawn.randrange(len(lines)), drawn.randrange(len(lines))
        place, kind = drawn.randrange(len(text) + 1), drawn.randrange(7)
        if kind == 0:
            text = text[:place] + drawn.choice(TOKENS) + text[place:]
        elif kind == 1:
            text = text[:place] + text[place + drawn.randint(1, 6) :]
        elif kind == 2:
            text = "\n".join([*lines[:row], *lines[row + 1 :]])
        elif kind == 3:
            text = "\n".join([*lines[:row], lines[other], *lines[row:]])
        elif kind == 4:
            text = "\n".join([*lines[:row], " " * drawn.randint(1, 4) + lines[row], *lines[row + 1 :]])
        elif kind == 5:
            word = drawn.choice(text.split() or [""])
            text = text[:place] + word + text[place:]
        else:
            text = text[: drawn.randrange(len(text) + 1)]
    return text


def test_no_accident_to_a_document_crashes_the_reader() -> None:
    drawn = random.Random(20261121)
    slowest = 0.0
    outcomes: list[str] = []
    for _ in range(GENERATED):
        text = mutated(drawn)
        began = time.process_time()
        outcomes.append(judged(text))
        slowest = max(slowest, time.process_time() - began)
    assert 0 < outcomes.count("fine") < GENERATED / 2
    assert slowest < 3, "where it should take a hundredth of a second"
