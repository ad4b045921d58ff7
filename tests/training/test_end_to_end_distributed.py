"""Two processes (gloo, started by torchrun) train one network end to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training import small_end_to_end


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32" or not torch.distributed.is_available(), reason="needs gloo and torchrun")
def test_processes_hold_one_network_with_its_references_and_losses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(small_end_to_end.__file__)
    done = subprocess.run([*command, script, tmp_path], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (load_file(tmp_path / f"result{rank}.safetensors") for rank in (0, 1))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(
            second[name], value, rtol=0, atol=0, equal_nan=True, msg=lambda text, n=name: n + text
        )
    loss, of_classifier, of_verifier, _ = first["history"].T
    torch.testing.assert_close(of_classifier + of_verifier, loss, rtol=1e-5, atol=0)
