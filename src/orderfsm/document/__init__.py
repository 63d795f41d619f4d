"""Chart documents: YAML 1.2 in, a Chart out, or a DocumentError that says where, what was seen and what to type.

The way is: `composer` takes the text apart into `nodes`, `grammar` says in `shape`s which keys and types may stand
where, `names`, `hierarchy`, `arrows` and `scenarios` look up what the document refers to, and `reader` puts the chart
together. Every error of a stage is gathered before the first of them is raised; the others hang on it.
docs/reference/chart-format.md describes the format.
"""

from __future__ import annotations

from .composer import SIZE_LIMIT
from .grammar import CHART, SHAPES
from .reader import read, structure

__all__ = ["CHART", "SHAPES", "SIZE_LIMIT", "read", "structure"]
