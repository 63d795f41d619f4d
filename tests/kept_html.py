"""HTML as a tree, read strictly; and what is wrong with a page for people who hear it, or go by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"br", "circle", "hr", "img", "input", "link", "meta", "path"}
TYPED = {"input", "select", "textarea"}


@dataclass
class Element:
    """An element: `children` are elements and texts."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = field(default=None, repr=False)
    children: list[Element | str] = field(default_factory=list, repr=False)

    def __iter__(self) -> Iterator[Element]:
        """The elements inside, in document order."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """The elements inside with a tag and these attributes; `class_` is one of the classes."""
        return [each for each in self if each.fits(tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> Element:
        """The only element of that kind."""
        (found,) = self.all(tag, **attributes)
        return found

    def fits(self, tag: str, attributes: dict[str, str]) -> bool:
        if tag and self.tag != tag:
            return False
        wanted = dict(attributes)
        kind = wanted.pop("class_", None)
        if kind and kind not in self.attributes.get("class", "").split():
            return False
        return all(self.attributes.get(name) == value for name, value in wanted.items())

    @property
    def text(self) -> str:
        """All text inside, on one line."""
        return " ".join(self.raw.split())

    @property
    def raw(self) -> str:
        """All text inside, as it is."""
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)

    @property
    def above(self) -> list[Element]:
        """The elements around this one, the nearest first."""
        return [] if self.parent is None else [self.parent, *self.parent.above]

    def fields(self) -> dict[str, str]:
        """What a form would send, were it sent as it is."""
        found: dict[str, str] = {}
        for each in self:
            name = each.attributes.get("name", "")
            if each.tag == "input":
                found[name] = each.attributes.get("value", "")
            elif each.tag == "textarea":
                found[name] = each.raw.removeprefix("\n")
            elif each.tag == "select":
                chosen = [option for option in each.all("option") if "selected" in option.attributes]
                found[name] = (chosen or each.all("option"))[0].attributes["value"]
        found.pop("", None)
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.top = self.here = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        made = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(made)
        if tag not in VOID:
            self.here = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.here.tag, f"</{tag}> ends a <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read(text: str) -> Element:
    """The document as a tree; raises AssertionError where elements are not closed in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.here is reader.top, f"<{reader.here.tag}> is not closed"
    return reader.top


# --- what is wrong with a page


def flaws(page: Element) -> list[str]:
    """Everything that keeps somebody from using the page, or lets something in."""
    return [*_document(page), *_headings(page), *_references(page), *_names(page), *_tables(page), *_foreign(page)]


def _document(page: Element) -> Iterator[str]:
    if page.one("html").attributes.get("lang") != "en":
        yield "the language is not told"
    if not page.one("title").text:
        yield "no title"
    if "width=device-width" not in page.one("meta", name="viewport").attributes["content"]:
        yield "no viewport, or one that cannot be zoomed"
    for landmark in ("header", "main", "footer", "h1"):
        if len(page.all(landmark)) != 1:
            yield f"{len(page.all(landmark))} times <{landmark}>"
    first = page.all("a")[0]
    if first.attributes.get("href") != "#main" or page.one("main").attributes.get("id") != "main":
        yield "no skip link"
    for landmark in page.all("nav"):
        if "aria-label" not in landmark.attributes:
            yield "a <nav> without a name"


def _headings(page: Element) -> Iterator[str]:
    level = 0
    for each in page:
        if re.fullmatch("h[1-6]", each.tag):
            if not each.text:
                yield "an empty heading"
            if int(each.tag[1]) > level + 1:
                yield f"<{each.tag}> {each.text!r} after a heading of level {level}"
            level = int(each.tag[1])


def _references(page: Element) -> Iterator[str]:
    ids = [each.attributes["id"] for each in page if "id" in each.attributes]
    if len(ids) != len(set(ids)):
        yield f"an id twice: {sorted(ids)}"
    for each in page:
        for name in ("for", "aria-labelledby", "aria-describedby", "list"):
            for wanted in each.attributes.get(name, "").split():
                if wanted not in ids:
                    yield f"{name}={wanted!r} leads nowhere"


def _names(page: Element) -> Iterator[str]:
    labelled = {each.attributes["for"] for each in page.all("label") if each.text}
    for each in page:
        kind = each.attributes.get("type", "")
        if each.tag in TYPED and kind != "hidden" and each.attributes.get("id") not in labelled:
            yield f"<{each.tag} name={each.attributes.get('name')!r}> has no label"
        pictures = [picture.attributes.get("alt", "") for picture in each.all("img")]
        if each.tag in ("a", "button", "summary", "th", "label", "legend", "caption") and not (
            each.text or any(pictures)
        ):
            yield f"<{each.tag}> without a name"
        if each.tag == "img" and "alt" not in each.attributes:
            yield "a picture without alt"
        if each.tag == "svg" and each.attributes.get("aria-hidden") != "true":
            yield "a drawing that is neither named nor hidden"
        if each.attributes.get("tabindex", "0") not in ("0", "-1"):
            yield "a tabindex that reorders the page"
        if each.tag in ("ul", "ol") and any(isinstance(c, Element) and c.tag != "li" for c in each.children):
            yield f"<{each.tag}> holds what is no <li>"


def _tables(page: Element) -> Iterator[str]:
    roles = {"table": "table", "thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "td": "cell"}
    for table in page.all("table"):
        if len(table.all("caption")) != 1:
            yield "a table without a caption"
        for each in (table, *table):
            if each.tag == "th" and each.attributes.get("scope") not in ("row", "col"):
                yield f"<th> {each.text!r} without a scope"
            if each.tag in roles and each.attributes.get("role") != roles[each.tag]:
                yield f"<{each.tag}> is no table part where rows become cards"


def _foreign(page: Element) -> Iterator[str]:
    for each in page:
        if each.tag in ("script", "iframe", "object", "embed", "base", "style", "template", "math"):
            yield f"<{each.tag}>"
        for name, value in each.attributes.items():
            if name.startswith("on") or name in ("style", "srcdoc", "formaction", "target"):
                yield f"<{each.tag} {name}>"
            fetched = name in ("src", "action") or (name == "href" and each.tag != "a")
            if fetched and (not value.startswith("/") or value.startswith("//")):
                yield f"<{each.tag} {name}={value!r}>"
        href = each.attributes.get("href", "/") if each.tag == "a" else "/"
        ours = href.startswith(("/", "#")) and not href.startswith("//")
        if not ours and not href.startswith(("http://", "https://")):
            yield f"a link to {href!r}"
        if not ours and not {"noopener", "noreferrer"} <= set(each.attributes.get("rel", "").split()):
            yield f"a link to {href!r} that tells where one comes from"
        if each.tag == "form" and each.attributes["method"] == "post" and not each.all("input", name="seal"):
            yield "a form without a seal"
