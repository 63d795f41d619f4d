"""Every operation of the service, asked by what its own OpenAPI document says, and by what it does not."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from kept_http import service

EXAMPLES = 60 if "ORDERFSM_SOAK" in os.environ else 6
GROUPS = ("stat", "stapi", "cablelabs", "adobe", "dream_junction", "record_stack_overflow", "charts")
WHO = {
    "stat": "demo-provider",
    "stapi": "demo-customer",
    "cablelabs": "demo-buyer",
    "adobe": "demo-partner",
    "dream_junction": "demo-customer",
    "record_stack_overflow": "demo-customer",
    "charts": "demo-provider",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    with service(tmp_path_factory.mktemp("schema")) as (root, secrets):
        yield schemathesis.openapi.from_url(f"{root}/openapi.json"), secrets


@pytest.mark.parametrize("group", GROUPS)
def test_no_operation_fails_or_answers_what_it_does_not_document(
    served: tuple[Any, dict[str, str]], group: str
) -> None:
    schema, secrets = served
    secret = secrets[WHO[group]]
    scheme = "Token token=" if group == "dream_junction" else "Bearer "
    headers = {"Authorization": f"{scheme}{secret}"}
    if group == "adobe":
        headers |= {"X-Api-Key": "demo-partner"}
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.split("/")[1] != group or (
            group == "charts" and not operation.path.startswith("/charts/stat/")
        ):
            continue
        ask(operation, headers)
        asked += 1
    assert asked >= 2


def ask(operation: Any, headers: dict[str, str]) -> None:
    """Ask an operation what fits and what does not."""
    modes = schemathesis.GenerationMode
    for mode in (modes.POSITIVE, modes.NEGATIVE):
        try:
            strategy = operation.as_strategy(generation_mode=mode)
        except schemathesis.errors.LoaderError:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(case=strategy)
        def asked(case: Any) -> None:
            checks = [not_a_server_error, status_code_conformance, content_type_conformance]
            case.call_and_validate(headers=headers, checks=checks, timeout=60)

        asked()
