"""Without the packages of an extra, an import says which extra brings them."""

import subprocess
import sys

import pytest

from orderfsm.extras import brought_by

IMPORT = "import sys; sys.modules[sys.argv[1]] = None; __import__(sys.argv[2])"


@pytest.mark.parametrize(
    ("package", "module", "extra"),
    [
        ("sqlalchemy", "orderfsm.sqlmodel", "sqlmodel"),
        ("sqlalchemy", "orderfsm.lifecycle", "sqlmodel"),
        ("sqlalchemy", "orderfsm.enforcement", "sqlmodel"),
        ("sqlmodel", "orderfsm.sqlmodel", "sqlmodel"),
        ("fastapi", "orderfsm.http.generic", "http"),
        ("transitions", "orderfsm.machine", "machine"),
    ],
)
def test_a_package_that_is_missing_is_told_with_its_extra(package: str, module: str, extra: str) -> None:
    found = subprocess.run([sys.executable, "-c", IMPORT, package, module], capture_output=True, text=True, check=False)
    told = f'{package} is not installed; type: pip install "orderfsm[{extra}]"'
    assert found.stderr.splitlines()[-1] == f"ModuleNotFoundError: {told}"


def test_what_is_told_already_and_what_is_ours_is_left_as_it_is() -> None:
    for error in (ModuleNotFoundError("type: pip install x", name="x"), ModuleNotFoundError("?", name="orderfsm.x")):
        with pytest.raises(ModuleNotFoundError) as raised, brought_by("http"):
            raise error
        assert raised.value is error
