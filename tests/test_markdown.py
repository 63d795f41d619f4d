"""A fence that names a chart becomes its drawing, with the builders of sites that use Python-Markdown."""

import re
from pathlib import Path

import markdown
import pytest

import orderfsm
from orderfsm.diagrams import render
from orderfsm.markdown import drawing

CHART = 'chart: shop/order\nversion: "1"\ninitial: open\nstates: {open: {}}\n'


def page(text: str, *extensions: str, root: Path | None = None) -> str:
    """The HTML of a page; the extension is found by the name that its entry point has."""
    options = {"orderfsm": {"root": str(root)}} if root else {}
    return markdown.markdown(text, extensions=["orderfsm", *extensions], extension_configs=options)


def fence(words: str, inside: str = "", sign: str = "```") -> str:
    return f"{sign}orderfsm {words}\n{inside}{sign}\n"


@pytest.mark.parametrize("others", [[], ["fenced_code"], ["fenced_code", "tables", "toc", "attr_list", "md_in_html"]])
def test_a_fence_becomes_the_drawing(others: list[str]) -> None:
    html = page(f"# Life\n\n{fence('stat/order detail=plain theme=dark')}\nEnd *now*\n", *others)
    drawn = render(orderfsm.load("stat/order"), "svg", detail="plain", theme="dark")
    assert f'<figure class="orderfsm-chart">\n{drawn}</figure>\n<p>End <em>now</em></p>' in html


def test_superfences_sees_none_of_it() -> None:
    pytest.importorskip("pymdownx", reason="comes with `make site`")
    html = page(f"{fence('stat/order')}\n```python\n1\n```\n", "pymdownx.superfences")
    assert (html.count("<svg"), html.count("<code")) == (1, 1)


def test_text_in_the_fence_is_the_caption() -> None:
    html = page(fence("stat/order", "A life <b>\n", "~~~"))
    assert "<figcaption>A life &lt;b&gt;</figcaption></figure>" in html


def test_a_table_stands_as_markdown() -> None:
    html = page(fence("stat/order table detail=plain"), "tables")
    assert "<td><code>received</code></td>" in html


def test_a_fence_in_a_list_stays_in_it() -> None:
    html = page(f"- one\n\n    {fence('stat/order').replace(chr(10), chr(10) + '    ')}\n- two\n")
    assert re.search(r"<li>\s*<p>one</p>\s*<figure.*</figure>\s*</li>\s*<li>", html, re.DOTALL)


@pytest.mark.parametrize(
    "text",
    [
        f"````text\n{fence('stat/order')}````\n",
        "~~~\n```orderfsm stat/order\n~~~\n",
        "```orderfsm stat/order\nnever ended\n",
        "```orderfsmx stat/order\n```\n",
        "Say ```orderfsm stat/order``` so\n\n```\n```\n",
    ],
)
def test_other_fences_are_left_alone(text: str) -> None:
    assert "<svg" not in page(text, "fenced_code")


def test_paths_start_at_the_root_and_stay_below_it(tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "shop.yaml").write_text(CHART, encoding="utf-8")
    assert "State chart shop/order" in page(fence("charts/shop.yaml"), root=tmp_path)
    with pytest.raises(ValueError, match="lies outside of"):
        page(fence("../shop.yaml"), root=tmp_path / "charts")
    assert "State chart shop/order" in drawing("charts/shop.yaml", root=str(tmp_path))


@pytest.mark.parametrize("root", [5, True, None, ["charts"]])
def test_a_root_that_is_no_path_is_told(root: object) -> None:
    with pytest.raises(TypeError, match=r"^the option root is .*; give the path of the folder"):
        markdown.markdown("", extensions=["orderfsm"], extension_configs={"orderfsm": {"root": root}})
    with pytest.raises(TypeError, match=r"^the option root is .*; give the path of the folder"):
        drawing("stat/order", root=root)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "stat/ordr",
            r"line 3 of the page: orderfsm stat/ordr: no chart is called 'stat/ordr'; did you mean stat/order",
        ),
        ("", "line 3 of the page: orderfsm: no chart is named"),
        ("stat/order png", "a page shows svg or table, not png"),
        ("stat/order at=nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_drawn_stops_the_build_with_the_line(words: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        page(f"# T\n\n{fence(words)}")


def test_no_name_breaks_out_of_the_page(tmp_path: Path) -> None:
    hostile = CHART.replace("{open: {}}", "{open: {code: '</svg><script>alert(1)</script>', title: '\\\" onload=x'}}")
    (tmp_path / "shop.yaml").write_text(hostile, encoding="utf-8")
    html = page(fence("shop.yaml", "</figure><script>\n"), root=tmp_path)
    assert "<script" not in html
    assert html.count("</figure>") == html.count("</svg>") == 1
