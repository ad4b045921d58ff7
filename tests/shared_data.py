"""Where measured data and golden numbers lie: beside the repository, never in it."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared"
GOLDEN = SHARED / "golden"
