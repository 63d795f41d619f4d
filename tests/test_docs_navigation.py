"""The navigation of the site is that of the indexes."""

import tomllib

from orderfsm.docs.navigation import configured

TEXT = 'name = "x"\nnav = [\n  "old.md",\n]\n# the rest stays\n[theme]\n'
INDEXES = {
    "tutorials/index.md": "# Tutorials\n\nFirst [this](one.md), then [that](two.md#part) and [this](one.md) again.\n",
    "how-to/index.md": "# How-to\n\n[W](../explanation/w.md)\n## Early\n\n- [A](a.md)\n\n## Late\n\n- [`B`](b.md)\n",
    "reference/index.md": "# Reference\n\n- [The `charts`](charts/index.md)\n- [C](c.md), [out](https://x.org/d.md)\n",
    "reference/charts/index.md": "# Charts\n\n- [E](e.md), [C](../c.md)\n",
    "explanation/index.md": "# Explanation\n\n## Empty\n\nnothing\n",
    "adr/README.md": "# Decisions\n\n| [0001](0001-x.md) | x |\n",
}


def test_pages_stand_in_the_order_of_the_indexes_below_their_headings() -> None:
    assert tomllib.loads(configured(TEXT, INDEXES.__getitem__))["nav"] == [
        {"orderfsm": "index.md"},
        {"Tutorials": ["tutorials/index.md", "tutorials/one.md"]},
        {"How-to": ["how-to/index.md", {"Early": ["how-to/a.md"]}, {"Late": ["how-to/b.md"]}]},
        {
            "Reference": [
                "reference/index.md",
                {"The charts": ["reference/charts/index.md", "reference/charts/e.md"]},
                "reference/c.md",
            ]
        },
        {"Explanation": "explanation/index.md"},
        {"Decisions": ["adr/README.md", "adr/0001-x.md"]},
    ]


def test_the_rest_of_the_configuration_stays() -> None:
    made = configured(TEXT, INDEXES.__getitem__)
    assert made.startswith('name = "x"\nnav = [\n')
    assert made.endswith("]\n# the rest stays\n[theme]\n")
    assert configured(made, INDEXES.__getitem__) == made
