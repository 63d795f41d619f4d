"""`orderfsm draw`: formats, where the drawing goes, and files that are written whole."""

import json
import os
import select
import shlex
import shutil
import stat
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest
from typer.testing import CliRunner

import orderfsm
from orderfsm import diagrams
from orderfsm.cli.app import app
from orderfsm.cli.drawing import SUFFIXES
from orderfsm.cli.files import write
from orderfsm.cli.options import Detail, Drawing, Theme
from orderfsm.diagrams.svg import THEMES

STAT = orderfsm.load("stat/order")


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, output and error output of `orderfsm draw`."""
    result = CliRunner().invoke(app, ["draw", *words], prog_name="orderfsm")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


# --- what may be asked


def test_every_format_detail_and_theme_may_be_asked_for() -> None:
    assert set(diagrams.FORMATS) | {"png"} == set(Drawing)
    assert set(diagrams.DETAILS) == set(Detail)
    assert set(THEMES) == set(Theme)
    assert set(SUFFIXES.values()) == set(Drawing)


def test_plain_is_short_for_the_detail() -> None:
    assert run("stat/order", "--plain") == run("stat/order", "--detail", "plain")
    assert run("stat/order", "--plain")[1] == diagrams.render(STAT, "mermaid", detail="plain")
    code, _, errors = run("stat/order", "--plain", "--detail", "full")
    assert (code, errors) == (2, "orderfsm: --plain is --detail plain, and --detail says full; give one of them\n")


def test_a_theme_settles_the_colours() -> None:
    assert run("stat/order", "--format", "svg", "--theme", "dark")[1] == diagrams.render(STAT, "svg", theme="dark")


# --- where it goes


@pytest.mark.parametrize("suffix", [suffix for suffix, format in SUFFIXES.items() if format in diagrams.FORMATS])
def test_the_name_of_the_output_says_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"order{suffix.upper()}"
    assert run("stat/order", "--output", str(path)) == (0, f"{path}\n", "")
    assert diagrams.render(STAT, SUFFIXES[suffix]) in path.read_text(encoding="utf-8")


def test_a_format_that_is_named_goes_before_the_name_of_the_output(tmp_path: Path) -> None:
    path = tmp_path / "order.txt"
    assert run("stat/order", "-o", str(path), "--format", "svg")[0] == 0
    assert path.read_text(encoding="utf-8").startswith("<svg")


def test_an_output_whose_name_says_no_format_is_refused(tmp_path: Path) -> None:
    code, output, errors = run("stat/order", "--output", str(tmp_path / "order.jpg"))
    assert (code, output) == (2, "")
    assert "no format goes with .jpg; name one with --format" in errors
    assert list(tmp_path.iterdir()) == []


def test_an_output_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    code, _, errors = run("stat/order", "--output", str(tmp_path / "none" / "order.svg"))
    assert code == 2
    assert f"there is no folder {tmp_path / 'none'}; make it first" in errors


def test_a_dash_is_the_output_of_the_command() -> None:
    assert run("stat/order", "--output", "-") == run("stat/order")


def test_json_has_the_text_or_the_file(tmp_path: Path) -> None:
    printed = json.loads(run("stat/order", "--json")[1])
    assert printed["text"] == diagrams.render(STAT)
    path = str(tmp_path / "order.svg")
    written = json.loads(run("stat/order", "--output", path, "--json")[1])
    assert written == {"chart": "stat/order", "profile": "full", "format": "svg", "output": path}


def test_a_drawing_in_a_file_knows_how_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    shop(tmp_path)
    assert run("shop.yaml", "--plain", "--theme", "dark", "-o", "pictures/shop.svg")[0] == 0
    drawn = (tmp_path / "pictures" / "shop.svg").read_text(encoding="utf-8")
    assert drawn.endswith("</svg>\n<!-- drawn by orderfsm: ../shop.yaml svg detail=plain theme=dark -->\n")
    assert run("shop.yaml", "-o", "shop.md", "--at", "open")[0] == 0
    begins = "<!-- orderfsm: draw shop.yaml table at=open -->\n\n|"
    assert (tmp_path / "shop.md").read_text(encoding="utf-8").startswith(begins)


# --- PNG


def test_a_picture_goes_into_a_file_a_pipe_or_json(tmp_path: Path) -> None:
    path = tmp_path / "item.png"
    assert run("adobe/item", "-o", str(path), "--scale", "1", "--theme", "dark")[0] == 0
    content = path.read_bytes()
    bare = diagrams.png(diagrams.render(orderfsm.load("adobe/item"), "svg", theme="dark"), scale=1)
    printed = CliRunner().invoke(app, ["draw", "adobe/item", "--format", "png", "--scale", "1", "--theme", "dark"])
    found = json.loads(run("adobe/item", "--format", "png", "--scale", "1", "--theme", "dark", "--json")[1])
    assert printed.stdout_bytes == b64decode(found["base64"]) == bare
    assert b"drawn by orderfsm: adobe/item png theme=dark scale=1\n" in content
    assert len(content) > len(bare)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")
def test_a_picture_is_not_written_to_a_terminal() -> None:
    leader, follower = os.openpty()
    words = [sys.executable, "-c", "from orderfsm.cli import main; main()", "draw", "adobe/item", "--format", "png"]
    done = subprocess.run(words, stdout=follower, stderr=subprocess.PIPE, text=True, check=False, timeout=240)
    printed = select.select([leader], [], [], 0)[0]
    os.close(follower)
    os.close(leader)
    assert (done.returncode, printed) == (2, [])
    assert "this is not for a terminal; name a file with --output" in done.stderr


def test_what_is_for_pictures_is_refused_elsewhere(tmp_path: Path) -> None:
    for option in (("--scale", "2"), ("--font", "x.ttf")):
        code, _, errors = run("stat/order", *option)
        assert (code, errors) == (2, "orderfsm: --scale and --font are for png, and the format is mermaid\n")
    code, _, errors = run("stat/order", "-o", str(tmp_path / "x.png"), "--scale", "0")
    assert (code, errors) == (2, "orderfsm: there is no scale 0; choose one of 1, 2, 3, 4\n")
    assert list(tmp_path.iterdir()) == []


def test_a_font_that_was_given_leaves_no_recipe(tmp_path: Path) -> None:
    font = next((Path(diagrams.__file__).parent / "fonts").glob("*.ttf"))
    assert run("adobe/item", "-o", str(tmp_path / "x.png"), "--font", str(font))[0] == 0
    assert b"drawn by orderfsm" not in (tmp_path / "x.png").read_bytes()


def test_without_the_renderer_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    code, _, errors = run("stat/order", "-o", str(tmp_path / "x.png"))
    assert (code, errors) == (2, 'orderfsm: a PNG needs resvg-py; type: pip install "orderfsm[png]"\n')


# --- keeping files current


def shop(folder: Path, word: str = "sent") -> None:
    chart = f"chart: shop/order\nversion: '1'\ninitial: open\nstates: {{open: {{}}, {word}: {{final: true}}}}\n"
    events = f"events: {{send: {{from: open, to: {word}}}}}\n"
    (folder / "shop.yaml").write_text(chart + events, encoding="utf-8")


@pytest.fixture
def project(current: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a chart, drawings of it in each format, and a page, all current."""
    shutil.copytree(current, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `project` begins with, made once."""
    with pytest.MonkeyPatch.context() as patch:
        return made(tmp_path_factory.mktemp("project"), patch)


def made(tmp_path: Path, patch: pytest.MonkeyPatch) -> Path:
    patch.chdir(tmp_path)
    shop(tmp_path)
    for suffix, format in SUFFIXES.items():
        if format in (*diagrams.FORMATS, "png"):
            assert run("shop.yaml", "-o", f"shop{suffix}")[0] == 0
    begin, end = "<!-- orderfsm: draw shop.yaml -->", "<!-- /orderfsm -->"
    (tmp_path / "my page.md").write_text(f"# Shop\n\n{begin}\n{end}\n", encoding="utf-8")
    assert run("--write", "my page.md") == (0, "my page.md\n", "")
    return tmp_path


def drawings(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".yaml")


def test_what_is_current_passes(project: Path) -> None:
    count = len(drawings(project))
    assert run("--check", *drawings(project)) == (0, f"{count} of {count} drawings are current\n", "")


def test_a_change_of_the_chart_makes_every_drawing_stale_and_writing_mends_them(project: Path) -> None:
    files = drawings(project)
    shop(project, "gone")
    code, output, _ = run("--check", *files)
    assert code == 1
    assert "my page.md:3: shop.yaml: stale\n" in output
    assert f"mend them: orderfsm draw --write {shlex.join(files)}\n0 of {len(files)} drawings are current" in output
    code, found = run("--check", *files, "--json")[::2][0], json.loads(run("--check", *files, "--json")[1])
    assert (code, {each["problem"] for each in found}) == (1, {"stale"})
    assert run("--write", *files) == (0, "".join(f"{name}\n" for name in files), "")
    assert run("--check", *files)[0] == 0
    assert run("--write", *files) == (0, "", "")
    assert (
        (project / "my page.md").read_text(encoding="utf-8").startswith("# Shop\n\n<!-- orderfsm: draw shop.yaml -->\n")
    )


def test_checking_writes_nothing(project: Path) -> None:
    shop(project, "gone")
    before = {name: (project / name).read_bytes() for name in drawings(project)}
    run("--check", *before)
    assert {name: (project / name).read_bytes() for name in drawings(project)} == before


def test_what_cannot_be_drawn_is_told_with_its_line(project: Path) -> None:
    (project / "shop.yaml").unlink()
    for mode in ("--check", "--write"):
        code, output, _ = run(mode, "shop.svg", "my page.md")
        assert code == 1
        assert "my page.md:3: shop.yaml: no chart at " in output


def test_a_folder_stands_for_the_files_in_it_that_hold_drawings(project: Path) -> None:
    for name in ("docs/deep", ".hidden", "node_modules"):
        (project / name).mkdir(parents=True)
        assert run("shop.yaml", "-o", f"{name}/shop.svg")[0] == 0
    (project / "docs" / "other.md").write_text("# Other\n")
    (project / "docs" / "photo.jpg").write_bytes(b"\xff\xd8")
    (project / "docs" / "round").symlink_to("..")
    (project / "docs" / "link.svg").symlink_to("../shop.svg")
    assert run("--check", "docs") == (0, "1 of 1 drawings are current\n", "")
    count = len([name for name in drawings(project) if "." in name[1:]]) + 1
    assert run("--check", ".") == (0, f"{count} of {count} drawings are current\n", "")
    shop(project, "gone")
    assert run("--write", "docs") == (0, "docs/deep/shop.svg\n", "")


def test_a_file_without_a_drawing_is_named(project: Path) -> None:
    (project / "other.svg").write_text("<svg/>\n")
    code, output, _ = run("--check", "shop.svg", "other.svg")
    assert (code, output) == (0, "1 of 1 drawings are current\nno drawings of orderfsm: other.svg\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--check", "none.svg"), "there is no file none.svg"),
        (("--check", "--write", "shop.svg"), "give one of them"),
        (("--check", "shop.svg", "--format", "dot"), "how a drawing is made is read in its file"),
        (("shop.yaml", "stat/order"), "one chart is drawn at a time, and 2 are named; leave out stat/order"),
    ],
)
def test_misuse_is_told(project: Path, words: tuple[str, ...], message: str) -> None:
    code, output, errors = run(*words)
    assert (code, output) == (2, "")
    assert message in errors


# --- files


def test_a_file_keeps_its_permissions_and_a_new_one_gets_the_usual(tmp_path: Path) -> None:
    old, new, usual = tmp_path / "old", tmp_path / "new", tmp_path / "usual"
    old.write_text("x")
    old.chmod(0o640)
    usual.write_text("x")
    for path in (old, new):
        write(path, b"y")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert new.stat().st_mode == usual.stat().st_mode
    assert old.read_bytes() == new.read_bytes() == b"y"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far").write_text("x")
    (tmp_path / "link").symlink_to("far")
    write(tmp_path / "link", b"y")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far").read_bytes() == b"y"


def test_a_file_that_is_read_only_is_refused_and_so_are_those_beside_it(project: Path) -> None:
    run("shop.yaml", "--output", "a.svg")
    run("shop.yaml", "--output", "b.svg")
    for name in ("a.svg", "b.svg"):
        Path(name).write_text(Path(name).read_text().replace("</svg>", "<g/></svg>"))
    former = Path("a.svg").read_text()
    Path("b.svg").chmod(0o444)
    refused = "orderfsm: b.svg is read-only; make it writable (chmod u+w), or name another file\n"
    assert run("shop.yaml", "--output", "b.svg") == (2, "", refused)
    assert run("--write", "a.svg", "b.svg") == (2, "", refused)
    assert Path("a.svg").read_text() == Path("b.svg").read_text() == former


def test_a_name_that_no_file_can_have_is_told(project: Path) -> None:
    assert run("shop.yaml", "--output", "a\0.svg") == (
        2,
        "",
        r"orderfsm: no file is called a\x00.svg; name another one" + "\n",
    )
    code, _, errors = run("shop.yaml", "--refusals", "a\0")
    assert (code, errors) == (2, r"orderfsm: --refusals: a\x00: embedded null byte" + "\n")


def test_another_name_of_a_file_keeps_the_former_content(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    (tmp_path / "backup").hardlink_to(tmp_path / "one")
    write(tmp_path / "one", b"y")
    assert ((tmp_path / "one").read_bytes(), (tmp_path / "backup").read_bytes()) == (b"y", b"x")


def test_a_write_that_fails_leaves_the_former_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "order.svg"
    path.write_text("former")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, b"new")
    assert [each.name for each in tmp_path.iterdir()] == ["order.svg"]
    assert path.read_text() == "former"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in the file system")
def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write(pipe, b"y")
    assert os.read(reader, 10) == b"y"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
