"""Every verifier in the list passes the contract."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from noisette.verifier.base import Verifier
from noisette.verifier.saving import VERIFIERS, verifier_class
from tests.contracts.verifier_contract import VerifierContract

SMALL: dict[str, dict[str, Any]] = {
    "cleannet": {"num_references": 4, "recipe": {"num_steps": 10, "warmup_steps": 2, "validation_interval": 10}},
    "drae": {"hidden_units": 4, "num_epochs": 5},
    "mlp": {"hidden_units": 8, "max_epochs": 10},
}


@pytest.mark.parametrize("name", list(VERIFIERS))
class TestContract(VerifierContract):
    @pytest.fixture(autouse=True)
    def _remember(self, name: str) -> None:
        if find_spec(VERIFIERS[name].partition(":")[0]) is None:
            pytest.skip(f"{name} is not there yet")
        self.name = name

    def make(self, **settings: Any) -> Verifier:
        return verifier_class(self.name)(**SMALL.get(self.name, {}), **settings)


@pytest.mark.parametrize("name", list(VERIFIERS))
def test_the_list_names_each_verifier_by_its_name(name: str) -> None:
    if find_spec(VERIFIERS[name].partition(":")[0]) is None:
        pytest.skip(f"{name} is not there yet")
    assert verifier_class(name).name == name
