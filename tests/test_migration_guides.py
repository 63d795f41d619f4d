"""The guides from other libraries: each peer's machine and the chart beside it allow the same.

`transitions` is there; the other peers are looked for, and what needs them is skipped where they are absent: they are
pinned in requirements/bench.txt.
"""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import orderfsm
from orderfsm.chart import Chart

ROOT = Path(__file__).parent.parent
GUIDES = sorted((ROOT / "docs/how-to").glob("from-*.md"))
XSTATE = ROOT / "benchmarks/peers/node/node_modules/xstate/dist/xstate.esm.js"

SITE = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["shop"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
from django.db import connection
from shop.models import Order, Purchase

with connection.schema_editor() as editor:
    editor.create_model(Order)
    editor.create_model(Purchase)
"""

PAIRS = """
import { initialTransition, transition } from "xstate";
for (const value of ["placed", "paid", "shipped", "delivered", "cancelled"]) {
  for (const type of ["amend", "pay", "ship", "deliver", "cancel"]) {
    const here = machine.resolveState({ value, context: { total: 20, stocked: true } });
    if (here.can({ type, amount: 20 })) {
      const [after] = transition(machine, here, { type, amount: 20 });
      console.log(JSON.stringify([value, type, after.value]));
    }
  }
}
"""


def page(name: str) -> str:
    return (ROOT / f"docs/how-to/from-{name}.md").read_text("utf-8")


def chart_text(text: str) -> str:
    found = re.search(r"<!-- file: shop.yaml -->\n```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def charted(text: str) -> Chart:
    return orderfsm.read(chart_text(text), filename="shop.yaml")


def peers_blocks(text: str, need: str) -> list[str]:
    return re.findall(rf"<!-- not run: needs {need} -->\n```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def arrows(chart: Chart) -> set[tuple[str, str, str]]:
    edges = orderfsm.compile(chart).edges()
    return {(str(step.before), step.event, str(step.after)) for step in edges if step.before is not None}


def finished(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_every_guide_shows_the_same_chart_and_it_is_sound(guide: Path) -> None:
    chart = charted(guide.read_text("utf-8"))
    assert chart == charted(GUIDES[0].read_text("utf-8"))
    assert orderfsm.check(chart) == ()


@pytest.mark.parametrize(
    "peer", ["transitions", "python-statemachine", "django-fsm-2", "django-fsm-log", "sismic", "eventsourcing"]
)
def test_the_comparison_is_about_the_versions_that_are_pinned(peer: str) -> None:
    pinned = re.search(rf"^{peer}==([\w.]+)", (ROOT / "requirements/bench.txt").read_text("utf-8"), re.MULTILINE)
    assert pinned
    assert f"{peer} {pinned[1]}" in (ROOT / "docs/explanation/comparison.md").read_text("utf-8").replace("\n", " ")


def test_transitions_allows_and_does_what_the_chart_does() -> None:
    import transitions

    text = page("transitions")
    block = re.search(r"^```python\n(import transitions\n.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert block
    theirs: dict[str, object] = {}
    exec(block[1].partition("parcel = Parcel()")[0], theirs)
    chart = charted(text)
    seen = set()
    for state in chart.by_name:
        for event in ("amend", "pay", "ship", "deliver", "cancel"):
            parcel = theirs["Parcel"]()  # type: ignore[operator]
            transitions.Machine(parcel, theirs["STATES"], transitions=theirs["TRANSITIONS"], initial=state)  # type: ignore[arg-type]
            call = {"amount": 20} if event == "pay" else {}
            try:
                parcel.trigger(event, **call)
            except transitions.MachineError:
                continue
            seen.add((state, event, parcel.state))
    assert seen == arrows(chart)


def test_python_statemachine_allows_what_the_chart_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("statemachine")
    text = page("python-statemachine")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(chart_text(text), "utf-8")
    shared: dict[str, object] = {}
    for block in peers_blocks(text, "python-statemachine"):
        exec(block, shared)
    assert shared["theirs"] == arrows(charted(text))


@pytest.mark.skipif(find_spec("django_fsm") is None, reason="needs django-fsm-2")
def test_django_fsm_allows_what_the_chart_allows(tmp_path: Path) -> None:
    text = page("django-fsm")
    models, compared, decided = peers_blocks(text, "django-fsm-2")
    (tmp_path / "shop.yaml").write_text(chart_text(text), "utf-8")
    classes, then, use = decided.partition("with transaction.atomic():")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/models.py").write_text(models + classes, "utf-8")
    script = (
        SITE + compared + "from django.db import transaction\n" + then + use + "print(Purchase.objects.get().state)"
    )
    (tmp_path / "site_of_the_guide.py").write_text(script, "utf-8")
    assert finished([sys.executable, "site_of_the_guide.py"], tmp_path) == "paid\n"


@pytest.mark.skipif(not XSTATE.exists() or shutil.which("node") is None, reason="needs Node and xstate")
def test_xstate_allows_what_the_chart_allows(tmp_path: Path) -> None:
    block, export = peers_blocks(page("xstate"), "Node and xstate")
    source = (block + PAIRS + "console.log('---');\n" + export).replace('"xstate"', json.dumps(XSTATE.as_uri()))
    (tmp_path / "order.mjs").write_text(source, "utf-8")
    walked, exported = finished(["node", "order.mjs"], tmp_path).split("---\n")
    snapshot, *pairs = walked.splitlines()
    assert json.loads(snapshot)["value"] == "paid"
    assert f"// {snapshot}" in block
    assert {tuple(json.loads(pair)) for pair in pairs} == arrows(charted(page("xstate")))
    shown = re.search(r"<!-- file: order.json -->\n```json\n(.*?)^```", page("xstate"), re.DOTALL | re.MULTILINE)
    assert shown
    assert json.loads(exported) == json.loads(shown[1])
