"""Python's own syntax tree of an expression's text, and what of Python's syntax the language leaves out."""

from __future__ import annotations

import ast
import re

from orderfsm.errors import ExpressionError

TEXT_LIMIT = 2_000

LEFT_OUT: dict[type[ast.expr], tuple[str, str]] = {
    ast.Dict: ("a dictionary", "compare the keys one by one"),
    ast.Set: ("a set", "write a list: [...]"),
    ast.ListComp: ("a list comprehension", "a generator may stand inside all(), any() or count()"),
    ast.SetComp: ("a set comprehension", "a generator may stand inside all(), any() or count()"),
    ast.DictComp: ("a dictionary comprehension", "a generator may stand inside all(), any() or count()"),
    ast.GeneratorExp: ("a generator", "a generator may stand only directly inside all(), any() or count()"),
    ast.Lambda: ("a lambda", "name a guard and supply it in Python"),
    ast.JoinedStr: ("an f-string", "write a plain string"),
    ast.NamedExpr: ("an assignment", "write == to compare"),
    ast.Starred: ("a starred value", "write the elements out"),
    ast.Slice: ("a slice", "take one element by its place"),
    ast.Await: ("an await", "name a guard and supply it in Python"),
    ast.Yield: ("a yield", "name a guard and supply it in Python"),
    ast.YieldFrom: ("a yield", "name a guard and supply it in Python"),
}
"""What of Python's syntax is refused, in words, and what to write instead."""


FOREIGN = {
    r"&&": ("&&", "and"),
    r"\|\|": ("||", "or"),
    r"={3}": ("===", "=="),
    r"=<": ("=<", "<="),
    r"=>": ("=>", ">="),
    r"<>": ("<>", "!="),
    r"!(?!=)": ("!", "not"),
    r"(?<![=!<>])=(?!=)": ("=", "=="),
}
"""What is spelled otherwise in other languages, as a pattern: what was typed, and what to type instead."""

STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"")


def syntax(text: str) -> ast.expr:
    """Python's own syntax tree of the text. Raises ExpressionError, for a comment too."""
    _check(text)
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        offset = max((error.offset or 1) - 1, 0)
        raise ExpressionError(
            f"not an expression: {error.msg}", text=text, offset=offset, remedy=_remedy(text)
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"not an expression: {type(error).__name__}", text=text) from None
    rest = text.encode()[tree.end_col_offset :].decode()
    if rest.strip(" )"):
        raise ExpressionError("a comment", text=text, offset=len(text) - len(rest), remedy="put it into the document")
    return tree


def _remedy(text: str) -> str:
    """What to write instead of what Python's parser did not understand."""
    outside = STRINGS.sub("", text)
    for pattern, (theirs, ours) in FOREIGN.items():
        if re.search(pattern, outside):
            return f"write {ours} instead of {theirs}"
    return "compare with ==, !=, <, <=, >, >= or in, and combine with and, or, not"


def _check(text: str) -> None:
    """Refuse the texts that Python's parser need not see."""
    if not text:
        raise ExpressionError("the expression is empty", remedy="leave `when` out if there is no condition")
    if len(text) > TEXT_LIMIT:
        message = f"the expression has {len(text)} characters, more than {TEXT_LIMIT}"
        raise ExpressionError(message, remedy="split it, or name a guard")
    strange = next((place for place, character in enumerate(text) if not character.isprintable()), None)
    if strange is not None:
        raise ExpressionError("a control character", text=_printable(text), offset=strange, remedy="delete it")
    if "\\" in text:
        remedy = "strings have no escapes here; use the other quotes"
        raise ExpressionError("a backslash", text=text, offset=text.index("\\"), remedy=remedy)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
