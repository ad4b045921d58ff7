import difflib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def body(name: str) -> list[str]:
    return (EXAMPLES / name).read_text(encoding="utf-8").split('"""\n', 1)[1].splitlines()


def test_the_loop_with_weights_differs_by_three_lines_and_an_import() -> None:
    changes = difflib.ndiff(body("plain_loop.py"), body("your_own_loop.py"))
    new = [line[2:].strip() for line in changes if line.startswith("+ ") and line[2:].strip()]
    assert len(new) == 4
    assert new[0] == "import noisette"


def test_both_loops_run_on_a_folder_of_pictures(tmp_path: Path) -> None:
    rng, keys = np.random.default_rng(0), []
    for name in ("one", "two"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(20):
            keys.append(f"{name}/{number}.png")
            Image.fromarray(rng.integers(256, size=(8, 8), dtype=np.uint8)).save(tmp_path / "images" / keys[-1])
    weights = tmp_path / "weights.parquet"
    pq.write_table(pa.table({"key": keys, "sample_weight": rng.random(len(keys))}), weights)
    for arguments in (["plain_loop.py"], ["your_own_loop.py", str(weights)]):
        command = [sys.executable, str(EXAMPLES / arguments[0]), str(tmp_path / "images"), *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("epoch") == 3
