"""Links: typed references that an entry carries, checked when they are made, never fetched."""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import category

__all__ = ["Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """A typed reference. `href` is an absolute http(s) URL without credentials, or a path; it is stored, never fetched.

    Raises ValueError for any other scheme, for user information and for control characters or spaces.
    """

    rel: str
    href: str
    type: str | None = None
    title: str | None = None

    def __post_init__(self) -> None:
        problem = _link_problem(self)
        if problem:
            raise ValueError(f"link {self.rel!r}: {problem}; give a rel and an http or https URL or a path")

    def as_dict(self) -> dict[str, str]:
        """The link as it goes into JSON; absent attributes are left out."""
        given = {"rel": self.rel, "href": self.href, "type": self.type, "title": self.title}
        return {name: value for name, value in given.items() if value is not None}


def _link_problem(link: Link) -> str | None:
    if not _is_text(link.rel) or not _solid(link.rel):
        return "rel is empty or has spaces or control characters"
    for name in ("type", "title"):
        if not _stray(getattr(link, name) or "").isdisjoint(_UNFIT):
            return f"{name} has control characters"
    return _href_problem(link.href)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, lone surrogates, line and paragraph separators."""


def _stray(text: str) -> set[str]:
    return {category(character) for character in text}


def _solid(text: str) -> bool:
    """Whether a text is printable and without spaces, bidirectional marks and lone surrogates."""
    return text.isprintable() and " " not in text


def _href_problem(href: str) -> str | None:
    if not _is_text(href) or len(href) > 2_048:
        return "href is empty or longer than 2048 characters"
    if not _solid(href) or "\\" in href:
        return "href has spaces, control characters or backslashes"
    from urllib.parse import urlsplit  # when it is needed: it brings ipaddress along

    try:
        parts = urlsplit(href)
        _ = parts.port  # reading it checks it
    except ValueError as error:
        return f"href is not a URL ({error})"
    if parts.scheme:
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            return f"href has scheme {parts.scheme!r} or no host"
        return "href carries credentials" if "@" in parts.netloc else None
    return None if href.startswith("/") and not href.startswith("//") else "href is neither a URL nor a path"
