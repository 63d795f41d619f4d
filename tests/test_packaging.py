"""What is shipped is whole: the charts land in wheel, source archive and editable install; the pins name no host."""

import re
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import hatchling.build
import pytest

ROOT = Path(__file__).parent.parent
CHARTS = {path.relative_to(ROOT).as_posix() for path in (ROOT / "statecharts").rglob("*.*") if path.stem != ".gitkeep"}
SOURCES = {
    path.relative_to(ROOT / "src").as_posix()
    for pattern in ("**/*.py", "cli/templates/*", "diagrams/fonts/*", "http/**/*.yaml", "http/pages/*/*.*")
    for path in (ROOT / "src" / "orderfsm").glob(pattern)
}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def shipped(names: list[str], prefix: str) -> set[str]:
    """The names below a prefix, the prefix taken off."""
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def test_the_wheel_holds_every_chart_and_every_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names = zipfile.ZipFile(tmp_path / hatchling.build.build_wheel(str(tmp_path))).namelist()
    assert shipped(names, "orderfsm/") >= CHARTS
    assert SOURCES | {"orderfsm/py.typed"} <= set(names)


def test_a_wheel_built_from_the_source_archive_holds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    direct = zipfile.ZipFile(tmp_path / hatchling.build.build_wheel(str(tmp_path))).namelist()
    with tarfile.open(tmp_path / hatchling.build.build_sdist(str(tmp_path))) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    monkeypatch.chdir(unpacked)
    again = zipfile.ZipFile(unpacked / hatchling.build.build_wheel(str(unpacked))).namelist()
    assert sorted(again) == sorted(direct)


def test_the_checkout_shows_the_charts_inside_the_package() -> None:
    link = ROOT / "src" / "orderfsm" / "statecharts"
    assert link.readlink().as_posix() == "../../statecharts"
    assert link.resolve() == ROOT / "statecharts"


def test_the_extra_all_names_every_other_extra(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    (everything,) = extras["all"]
    named = set(re.findall(r"[\w-]+", everything.partition("[")[2]))
    assert named == set(extras) - {"all"}


@pytest.mark.parametrize("pins", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_pins_carry_hashes_and_name_no_host(pins: Path) -> None:
    text = pins.read_text(encoding="utf-8")
    assert "://" not in text
    assert "index" not in text.lower()
    entries = re.split(r"\n(?=[a-z0-9])", text)
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_later_sets_of_pins_agree_with_the_first() -> None:
    dev, *later = (pinned(ROOT / "requirements" / f"{name}.txt") for name in ("dev", "demo", "bench", "docs"))
    assert later[0].items() <= dev.items()
    for each in later:
        both = dev.keys() & each.keys()
        assert both
        assert {name: dev[name] for name in both} == {name: each[name] for name in both}


def pinned(path: Path) -> dict[str, str]:
    """Package to pinned version."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
