"""The generated pages are what the charts and the commands say today."""

import re
import shutil
from pathlib import Path

import pytest

import orderfsm
from orderfsm import catalogue, docs
from orderfsm.chart import Chart, Kind, Rule, Scenario, State, Transition
from orderfsm.cli.app import every_command
from orderfsm.docs.charts import chart_page
from orderfsm.docs.commands import command_page

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the generator writes."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "statecharts").mkdir()
    for name in ("README.md", "zensical.toml", "statecharts/chart.schema.json"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_no_page_is_stale() -> None:
    assert docs.stale(ROOT) == (), "run `make docs`"


def test_a_stale_a_missing_and_a_foreign_page_are_seen_and_mended(checkout: Path) -> None:
    charts = checkout / "docs/reference/charts"
    (charts / "stat-order.md").write_text("old", encoding="utf-8")
    (checkout / "docs/reference/cli.md").unlink()
    (charts / "gone-order.md").write_text("a chart that is gone", encoding="utf-8")
    wrong = ("docs/reference/charts/stat-order.md", "docs/reference/cli.md", "docs/reference/charts/gone-order.md")
    assert docs.stale(checkout) == wrong
    assert docs.write(checkout) == wrong
    assert docs.stale(checkout) == ()
    assert not (charts / "gone-order.md").exists()


def test_stale_pictures_are_seen(checkout: Path) -> None:
    pictures = checkout / "docs/pictures"
    (pictures / "stat-order.svg").write_text("<svg/>", encoding="utf-8")
    (pictures / "gone-order.svg").write_text("<svg/>", encoding="utf-8")
    assert docs.stale(checkout) == ("docs/pictures/stat-order.svg", "docs/pictures/gone-order.svg")


def test_every_picture_is_shown_by_a_page() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]
    found = {
        name
        for page in pages
        for name in re.findall(r"!\[.*\]\((?:(?:\.\./)*|docs/)pictures/([^)]*)\)", page.read_text())
    }
    assert found == {Path(name).name for name in docs.pictures()}


@pytest.mark.parametrize("name", catalogue.names())
def test_a_page_tells_everything_that_the_chart_says(name: str) -> None:
    chart, page = orderfsm.load(name), chart_page(orderfsm.load(name))
    assert page.startswith(f"# {chart.title}\n")
    for heading in ("Diagram", "States", "Transitions", "What may follow", "Profiles", "Scenarios", "Quirks"):
        assert f"\n## {heading}\n" in page
    for state in chart.states:
        assert f"| `{state.name}` |" in page
    for alias, code in chart.aliases.items():
        assert f"| `{alias}` | `{code}` |" in page
    assert all(f"`{rule.text}`" in page for rule in chart.rules)
    assert ("## Roll-up" in page) == (chart.rollup is not None)
    assert f"Full: {len(chart.transitions)} arrows" in page
    assert f"Strict: {len(chart.restricted('strict').transitions)} arrows" in page


def test_the_table_of_transitions_has_one_row_for_each() -> None:
    chart = orderfsm.load("stapi/order")
    rows = chart_page(chart).partition("## Transitions")[2].partition("\n## ")[0].strip().splitlines()
    assert len(rows) == 2 + len(chart.transitions)


def test_text_of_a_chart_does_not_break_its_page() -> None:
    text = "a|b\n## c <script>alert(1)</script> `d`"
    states = (State("x", title=text, description=text, source=text), State("y", Kind.FINAL))
    chart = Chart(
        "a/b",
        states,
        (Transition("x", ("go",), ("y",), cite=text),),
        initial=("x",),
        title=text,
        actors={text: text},
        quirks=(text,),
        rules=(Rule(text),),
        scenarios=(Scenario(text, codes=(text,)),),
    )
    page = chart_page(chart)
    assert "\n## c" not in page
    assert all("<script>" not in line for line in page.splitlines() if "`" not in line)
    tables = [part.splitlines() for part in page.split("\n\n") if part.startswith("|")]
    widths = [{line.replace("\\|", "").count("|") for line in table} for table in tables]
    assert [len(width) for width in widths] == [1] * len(tables)


def test_every_command_and_option_is_on_the_page_of_the_command_line() -> None:
    page = command_page()
    for name, found in every_command():
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert f"orderfsm {name}" in section
        assert all(f"`{param.opts[0]}" in section for param in found.params if param.param_type_name == "option")


def test_the_module_writes_the_pages_of_a_checkout(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from orderfsm.docs.__main__ import main

    (checkout / "docs/reference/cli.md").write_text("old", encoding="utf-8")
    main([str(checkout)])
    assert capsys.readouterr().out == "docs/reference/cli.md\n"
    with pytest.raises(SystemExit, match="is no checkout"):
        main([str(checkout / "docs")])
