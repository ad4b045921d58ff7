import subprocess
import sys

import pytest

import noisette

HEAVY = ("torch", "sklearn", "scipy", "numpy", "pyarrow", "sqlalchemy", "matplotlib")


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split()) & set(HEAVY)


def test_import_loads_nothing_heavy() -> None:
    assert loaded_after("import noisette") == set()


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_after("import noisette.cli") == set()


def test_help_of_a_command_loads_nothing_heavy() -> None:
    statement = "import noisette.cli.app as a\ntry: a.app(['detect', '--help'])\nexcept SystemExit: print()"
    code = f"{statement}\nimport sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.splitlines()[-1].split()) & set(HEAVY) == set()


@pytest.mark.parametrize("name", [name for name in noisette.__all__ if name != "__version__"])
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(noisette, name) is getattr(noisette, name)
    assert name in dir(noisette)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'noisette' has no attribute 'CleenNet'"):
        noisette.CleenNet  # noqa: B018 - the attribute access is what is tested
