"""Drawings in files that know how they were made: `look(path)` says which are current, and what they should be.

A drawing is made by a `Recipe`, one line of text: `stat/order svg detail=plain`. A file that is one drawing has it at
its end, in a comment; a page holds drawings between two comments and is otherwise left alone:

    <!-- orderfsm: draw stat/order mermaid -->
    <!-- /orderfsm -->

Files are outside text: nothing but this grammar is read in them, nothing of it is run, and a chart is read from the
catalogue or from a YAML file below the root, the working directory.
"""

from __future__ import annotations

from .look import Held, Look, look
from .marks import signed
from .pictures import signed as signed_png
from .recipe import Recipe, draw, named

__all__ = ["Held", "Look", "Recipe", "draw", "look", "named", "signed", "signed_png"]
