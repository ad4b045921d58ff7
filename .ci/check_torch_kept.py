"""Check that the plain install (no constraints) leaves a torch that is already there alone."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

root = Path(__file__).resolve().parents[1]
command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", str(root)]
report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
changed = sorted(item["metadata"]["name"] for item in report["install"])
print(f"torch {version('torch')} is installed; `pip install .` would install: {', '.join(changed)}")
touched = [name for name in changed if name.startswith(("torch", "nvidia"))]
if touched:
    sys.exit(f"`pip install .` would replace {touched}")
