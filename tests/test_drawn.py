"""Drawings in files: what is written knows how it was made, what is stale is found, and nothing else is touched."""

import os
import struct
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderfsm
from orderfsm.diagrams import FORMATS, png, render
from orderfsm.drawn import Recipe, draw, look, named, signed, signed_png
from orderfsm.drawn.regions import END, body, regions

STAT = orderfsm.load("stat/order")
CHART = """\
chart: shop/order
version: "1"
title: A small shop
initial: open
states:
  open: {category: open}
  sent: {category: done, final: true}
events:
  send: {from: open, to: sent}
"""
BEGIN = "<!-- orderfsm: draw stat/order mermaid detail=plain -->"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, which is the root."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(CHART, encoding="utf-8")
    return tmp_path


def problems(path: Path) -> list[str]:
    return [held.problem for held in look(path).drawings]


# --- recipes


@given(
    st.builds(
        Recipe,
        chart=st.text(min_size=1, max_size=30),
        format=st.sampled_from([*FORMATS, "png"]),
        detail=st.sampled_from(["full", "plain"]),
        theme=st.sampled_from(["auto", "dark"]),
        at=st.text(st.characters(codec="utf-8"), max_size=30),
        profile=st.sampled_from(["strict", "full"]),
        scale=st.sampled_from(["1", "2"]),
    ).filter(lambda recipe: recipe.chart.isprintable())
)
def test_a_recipe_is_one_line_that_says_all_and_ends_no_comment(recipe: Recipe) -> None:
    text = str(recipe)
    assert Recipe.of(text) == recipe
    assert len(text.splitlines()) == 1
    assert text.isascii()
    assert "--" not in text
    assert not {"<", ">", "'", '"', "\\"} & set(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no chart is named"),
        ("stat/order jpg", "there is no format 'jpg'; choose one of"),
        ("stat/order detail=much", "there is no detail 'much'; choose one of full, plain"),
        ("stat/order scale=99", "there is no scale '99'; choose one of 1, 2, 3, 4"),
        ("stat/order svg loud", "'loud' says nothing; write detail=, theme=, at=, profile=, scale="),
        ("stat/order svg run=rm", "'run=rm' says nothing"),
        ("stat/order svg at=a at=b", "at is given twice"),
        ("stat/order svg \x1b[31m=x", r"'\\x1b\[31m=x' says nothing"),
        ("x" * 1001, "in 1001 characters; 1000 are the most"),
    ],
)
def test_what_is_no_recipe_is_refused_with_the_remedy(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.of(text)


def test_a_chart_is_found_from_the_file_that_holds_the_drawing(folder: Path) -> None:
    (folder / "docs" / "pictures").mkdir(parents=True)
    file = folder / "docs" / "pictures" / "shop.svg"
    assert named("shop.yaml", file) == named(str(folder / "shop.yaml"), file) == "../../shop.yaml"
    assert named("stat/order", file) == "stat/order"
    drawn = draw(Recipe("../../shop.yaml", "svg"), file.parent, folder)
    assert drawn == render(orderfsm.load("shop.yaml"), "svg")


def test_a_path_that_leaves_the_root_is_refused(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "link.yaml").symlink_to("../shop.yaml")
    for chart in ("../shop.yaml", str(folder / "shop.yaml"), "link.yaml", "x/../../shop.yaml"):
        with pytest.raises(ValueError, match="lies outside of"):
            draw(Recipe(chart), inner, inner)


# --- files that are one drawing


@pytest.mark.parametrize("format", FORMATS)
def test_a_drawing_is_current_until_its_chart_changes(folder: Path, format: str) -> None:
    path = folder / "drawing"
    recipe = Recipe("shop.yaml", format)
    path.write_text(signed(draw(recipe, folder, folder), recipe), encoding="utf-8")
    assert problems(path) == [""]
    assert look(path).mended() == path.read_bytes()
    (folder / "shop.yaml").write_text(CHART.replace("sent", "gone"), encoding="utf-8")
    assert problems(path) == ["stale"]
    path.write_bytes(look(path).mended())
    assert problems(path) == [""]
    assert draw(recipe, folder, folder).rstrip("\n") in path.read_text(encoding="utf-8")
    assert "gone" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("format", FORMATS)
def test_a_drawing_that_somebody_has_changed_is_stale(folder: Path, format: str) -> None:
    path = folder / "drawing"
    recipe = Recipe("shop.yaml", format)
    path.write_text(signed(draw(recipe, folder, folder), recipe).replace("open", "opened", 1), encoding="utf-8")
    assert problems(path) == ["stale"]


def test_every_option_of_a_drawing_is_kept(folder: Path) -> None:
    path = folder / "stat.svg"
    recipe = Recipe("stat/order", "svg", detail="plain", theme="dark", at="received", profile="strict")
    path.write_text(signed(draw(recipe, folder, folder), recipe), encoding="utf-8")
    strict = orderfsm.load("stat/order", profile="strict")
    drawn = render(strict, "svg", detail="plain", theme="dark", configuration="received")
    assert path.read_text(encoding="utf-8").startswith(drawn)
    assert problems(path) == [""]


def test_line_ends_of_windows_are_kept(folder: Path) -> None:
    path = folder / "shop.mmd"
    recipe = Recipe("shop.yaml", "mermaid")
    path.write_bytes(signed(draw(recipe, folder, folder), recipe).replace("\n", "\r\n").encode())
    assert problems(path) == [""]


def test_a_mark_that_is_no_good_is_told(folder: Path) -> None:
    path = folder / "x.svg"
    path.write_text("<svg/>\n<!-- drawn by orderfsm: stat/ordr svg -->\n", encoding="utf-8")
    assert "did you mean stat/order?" in problems(path)[0]
    assert look(path).drawings[0].line == 2
    assert look(path).mended() == path.read_bytes()


@pytest.mark.parametrize("recipe", ["stat/order svg", "stat/order mermaid", "stat/order table", "stat/order png"])
def test_a_text_that_ends_in_words_like_a_mark_is_left_alone(folder: Path, recipe: str) -> None:
    path = folder / "notes.md"
    path.write_text(f"Of great importance.\n\n# drawn by orderfsm: {recipe}\n", encoding="utf-8")
    assert f"opens no comment of {recipe.split()[1]}" in problems(path)[0]
    assert look(path).mended() == path.read_bytes()


def test_only_the_last_line_is_a_mark(folder: Path) -> None:
    path = folder / "x.svg"
    path.write_text("<!-- drawn by orderfsm: stat/order svg -->\n<svg/>\n", encoding="utf-8")
    assert problems(path) == []


def test_long_lines_are_looked_at_in_no_time(folder: Path) -> None:
    begun = time.process_time()  # to go back in a line as often as it is long takes minutes
    for line in (
        "# drawn by orderfsm: " + " " * 500_000 + "x",
        "<!-- orderfsm: draw" + " --> " * 100_000 + "x",
        "`" * 500_000,
    ):
        page(folder, f"{line}\n{line}")
        assert [problem for problem in problems(folder / "page.md") if problem in ("", "stale")] == []
    assert time.process_time() - begun < 10


# --- PNG


def picture(folder: Path, recipe: Recipe) -> Path:
    svg = draw(replace(recipe, format="svg"), folder, folder)
    (folder / "shop.png").write_bytes(signed_png(png(svg, scale=int(recipe.scale)), recipe, svg))
    return folder / "shop.png"


def test_a_picture_is_stale_when_its_chart_has_changed(folder: Path) -> None:
    path = picture(folder, Recipe("shop.yaml", "png", theme="dark", scale="1"))
    size = struct.unpack_from(">II", path.read_bytes(), 16)
    assert problems(path) == [""]
    (folder / "shop.yaml").write_text(CHART.replace("sent", "gone"), encoding="utf-8")
    assert problems(path) == ["stale"]
    path.write_bytes(look(path).mended())
    assert problems(path) == [""]
    assert struct.unpack_from(">II", path.read_bytes(), 16) == size
    assert look(path).drawings[0].recipe == "shop.yaml png theme=dark scale=1"


def test_whether_a_picture_is_stale_is_told_without_the_renderer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture(folder, Recipe("shop.yaml", "png"))
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert problems(path) == [""]
    (folder / "shop.yaml").write_text(CHART.replace("sent", "gone"), encoding="utf-8")
    assert problems(path) == ["stale"]
    with pytest.raises(ModuleNotFoundError, match=r"orderfsm\[png\]"):
        look(path).mended()


def test_a_picture_with_its_mark_is_a_whole_png(folder: Path) -> None:
    content = picture(folder, Recipe("shop.yaml", "png")).read_bytes()
    plain = png(draw(Recipe("shop.yaml", "svg"), folder, folder))
    at = content.index(b"tEXt") - 4
    (length,) = struct.unpack_from(">I", content, at)
    assert content[:at] + content[at + 12 + length :] == plain
    assert content[at + 8 : at + 8 + length].startswith(b"orderfsm\0drawn by orderfsm: shop.yaml png\n")


@pytest.mark.parametrize("cut", [8, 20, 40, 60, 90])
def test_a_picture_that_is_cut_off_holds_nothing_or_its_mark(folder: Path, cut: int) -> None:
    path = picture(folder, Recipe("shop.yaml", "png"))
    path.write_bytes(path.read_bytes()[:cut])
    assert problems(path) == []


# --- pages


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_region_is_drawn_and_the_rest_of_the_page_stays(folder: Path, ends: str) -> None:
    text = f"# Title  \n\n{BEGIN}\nold\n{END}\n\ntail \t\nno end".replace("\n", ends)
    path = page(folder, text)
    assert problems(path) == ["stale"]
    path.write_bytes(look(path).mended())
    assert problems(path) == [""]
    made = path.read_bytes().decode()
    head, _, rest = made.partition(BEGIN)
    inside, _, tail = rest.partition(END)
    assert (head, tail) == (f"# Title  {ends}{ends}", f"{ends}{ends}tail \t{ends}no end")
    drawn = render(STAT, "mermaid", detail="plain").replace("\n", ends)
    assert inside == f"{ends}{ends}```mermaid{ends}{drawn}```{ends}{ends}"


def test_a_table_and_an_svg_stand_on_the_page_as_they_are(folder: Path) -> None:
    regions = [f"<!-- orderfsm: draw shop.yaml {format} -->\n{END}\n" for format in ("table", "svg")]
    path = page(folder, "\n".join(regions))
    path.write_bytes(look(path).mended())
    shop = orderfsm.load("shop.yaml")
    assert path.read_text(encoding="utf-8") == "\n".join(
        f"<!-- orderfsm: draw shop.yaml {format} -->\n\n{render(shop, format)}\n{END}\n" for format in ("table", "svg")
    )


def test_a_page_shows_regions_in_code_blocks_without_having_them(folder: Path) -> None:
    text = f"````markdown\n```\n{BEGIN}\nold\n{END}\n```\n````\n\n~~~\n{BEGIN}\n~~~\n\n`{BEGIN}`\n"
    assert problems(page(folder, text)) == []


def test_what_is_wrong_with_one_region_leaves_the_others(folder: Path) -> None:
    text = f"{BEGIN}\n{END}\n<!-- orderfsm: draw none/such -->\nkept\n{END}\n"
    text += f"<!-- orderfsm: draw stat/order png -->\n{END}\n"
    path = page(folder, text + f"{BEGIN}\nnever ended\n{BEGIN}\n{END}\n")
    first, second, third, fourth, fifth = problems(path)
    assert (first, fifth) == ("stale", "stale")
    assert "no chart is called 'none/such'" in second
    assert "a PNG cannot stand in a page" in third
    assert fourth == f"nothing ends this region; write {END} into a line of its own"
    assert [held.line for held in look(path).drawings] == [1, 3, 6, 8, 10]
    mended = look(path).mended().decode()
    assert f"<!-- orderfsm: draw none/such -->\nkept\n{END}\n" in mended
    assert f"{BEGIN}\nnever ended\n{BEGIN}\n\n```mermaid" in mended


@pytest.mark.parametrize(
    "line",
    [
        f"  {BEGIN}",
        f"> {BEGIN}",
        f"1. {BEGIN}",
        f"- one\n\n    {BEGIN}",
        f"{BEGIN} and more",
        BEGIN.replace("orderfsm:", "orderfsm"),
        BEGIN.replace("orderfsm", "orderfms"),
        BEGIN.replace(" orderfsm: draw", "OrderFSM:drew"),
        BEGIN.replace("draw ", ""),
        BEGIN.replace(" -->", ""),
    ],
)
def test_a_line_that_was_meant_to_begin_a_region_is_told(folder: Path, line: str) -> None:
    text = f"# T\n\n{line}\nold\n"
    path = page(folder, text)
    (held,) = look(path).drawings
    assert held.recipe == BEGIN.removeprefix("<!-- orderfsm: draw ").removesuffix(" -->")
    assert held.line == 3 + line.count("\n")
    assert held.problem == f"this begins no region; write {BEGIN} into a line, from its first column"
    assert look(path).mended() == text.encode()


@pytest.mark.parametrize("line", [END, f" {END}", f"> {END}", END.replace(" ", ""), END.replace("orderfsm", "ordrfsm")])
def test_a_line_that_was_meant_to_end_a_region_is_told(folder: Path, line: str) -> None:
    (problem,) = problems(page(folder, f"text\n\n{line}\n"))
    assert problem == f"this ends no region; behind the begin of one, write {END} into a line, from its first column"


@pytest.mark.parametrize(
    "text",
    [
        f"Shown:\n\n    {BEGIN}\n    {END}",
        f"- shown:\n\n      {BEGIN}",
        f"- shown:\n\n    ```markdown\n    {BEGIN}\n    ```",
        f"> ```\n> {BEGIN}\n> ```",
        f"    ```\n{'`' * 3}\n  {BEGIN}\n```",
        "<!-- orderfsm: what is drawn here is in docs/page.md -->",
        "<!-- orderfsm -->",
        "<!-- orders: draw stat/order -->",
        "<!-- drawn by orderfsm: stat/order svg -->",
        f"{BEGIN}\n  {BEGIN}\n  {END}\n{END}",
    ],
)
def test_code_other_comments_and_what_stands_in_a_region_are_not_told(folder: Path, text: str) -> None:
    assert set(problems(page(folder, f"{text}\n"))) <= {"stale"}


def test_near_misses_of_a_large_page_are_found_in_no_time(folder: Path) -> None:
    lines = [f"    {BEGIN}"] * 3_000 + ["> " * 100_000, "<!--" + ":" * 100_000, "- " * 50_000 + BEGIN]
    began = time.process_time()
    assert len(look(page(folder, "\n".join(lines))).drawings) == 1
    assert time.process_time() - began < 10


def test_a_drawing_cannot_end_its_region_nor_its_fence() -> None:
    with pytest.raises(ValueError, match="which ends a region"):
        body(f"a\n{END}\nb", "text")
    with pytest.raises(ValueError, match="or begins one"):
        body(f"a\n{BEGIN}\nb", "text")
    assert body("a ```` b", "text")[1] == "`````text"


@given(
    st.lists(st.sampled_from([BEGIN, END, "```", "````", "~~~", "```a```", "text", "", "x\r", f"{BEGIN}\r", f"{END} "]))
)
def test_regions_neither_nest_nor_overlap(lines: list[str]) -> None:
    found = regions(lines)
    last = -1
    for each in found:
        assert last < each.begin
        last = each.begin if each.end is None else each.end
        assert each.end is None or (lines[each.end].rstrip() == END and each.begin < each.end)


@given(
    st.lists(
        st.sampled_from([BEGIN, END, "```", "~~~", "text", "", "<!-- orderfsm: draw stat/order d2=1 -->"]), min_size=1
    )
)
def test_mending_twice_is_mending_once_and_keeps_every_line_outside(lines: list[str]) -> None:
    path = Path("page.md")
    path.write_bytes("\n".join(lines).encode())
    outside = [line for place, line in enumerate(lines) if not inside(lines, place)]
    path.write_bytes(look(path).mended())
    once = path.read_bytes()
    made = once.decode().split("\n")
    assert look(path).mended() == once
    assert "stale" not in problems(path)
    assert [line for place, line in enumerate(made) if not inside(made, place)] == outside


def inside(lines: list[str], place: int) -> bool:
    return any(each.end is not None and each.begin < place < each.end for each in regions(lines))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"\x89PNG\r\n\x1a\n", b"PK\3\4", "\ufeff# Page\n".encode()])
def test_other_files_hold_nothing(folder: Path, content: bytes) -> None:
    path = folder / "other"
    path.write_bytes(content)
    assert look(path).drawings == ()
    assert look(path).mended() == content


def test_nothing_named_in_a_page_is_read_but_charts_below_the_root(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    for chart in (
        "/etc/passwd",
        "../secret.yaml",
        "pipe.yaml",
        "%2e%2e/secret.yaml",
        "shop.yaml%00",
        "shop%00.yaml",
        "shop.yaml%0a",
        f"{'a' * 300}.yaml",
    ):
        path = page(folder, f"<!-- orderfsm: draw {chart} table -->\n{END}\n")
        (problem,) = problems(path)
        assert problem not in ("", "stale")
        assert problem.isprintable()
        assert ("take %00 out" in problem) == ("%00" in chart)
