"""Peak memory of `noisette embed` on folders of different sizes: it must not grow with the number of pictures.

Command: python benchmarks/embed_memory.py          Cost: 5 minutes of two cores.
Bar: 100,000 pictures within 10 % of 40,000 (over one whole part of the table), and at most 64 bytes a picture more: a
list of paths would be over 100.
A manifest names the same hundred small files over and over, under different keys: what could grow is lists of paths,
features, notes (one picture in fifty is broken, one in twenty CMYK), not files. The main process and the largest of two
workers are measured, each by its own peak. The rival holds all features in memory: 4 bytes a number.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.settings import Settings

FILES, WIDTH = 100, 3 * 32 * 32
MEASURED = """
import resource, sys
from noisette.cli import main
sys.argv = ["noisette", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
unit = 1 if sys.platform == "darwin" else 1024
try:  # since the program was loaded; ru_maxrss counts the parent's at the fork, too
    own = next(int(l.split()[1]) * 1024 for l in open("/proc/self/status") if l.startswith("VmHWM"))
except OSError:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit, file=sys.stderr)
"""


def write_files(folder: Path) -> list[str]:
    """Write small pictures; one in fifty is broken, one in twenty CMYK."""
    rng = np.random.default_rng(0)
    names = []
    for number in range(FILES):
        names.append(f"{number:03d}.jpg")
        picture = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
        (picture.convert("CMYK") if number % 20 == 7 else picture).save(folder / names[-1])
        if number % 50 == 3:
            (folder / names[-1]).write_bytes(b"no picture")
    return names


def make_workspace(folder: Path, names: list[str], count: int) -> Path:
    manifest = folder / f"{count}.csv"
    rows = (f"{names[i % FILES]},{i:08d},{'ab'[i % 2]}\n" for i in range(count))
    with manifest.open("w", encoding="utf-8") as file:
        file.write("path,key,given_label\n")
        file.writelines(rows)
    settings = Settings().with_options(
        embed={"backbone": "pixels:32"}, images={"unusual": "convert"}, input={"max_bad": 0.1}
    )
    create_from_images(folder / f"work{count}", ImageSource(manifest=manifest), settings)
    return folder / f"work{count}"


def peaks(workspace: Path) -> tuple[int, int]:
    """Embed in a fresh interpreter; give the peak of the main process and of its largest worker."""
    command = [sys.executable, "-c", MEASURED, "embed", "-w", str(workspace), "--num-workers", "2", "--device", "cpu"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    own, worker = done.stderr.split()[-2:]
    return int(own), int(worker)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="500 and 2,000 pictures")
    counts = (500, 2000) if parser.parse_args().smoke else (40_000, 100_000)
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = write_files(folder)
        for count in counts:
            found[count] = peaks(make_workspace(folder, names, count))
            own, worker = (value / 1e6 for value in found[count])
            whole = count * WIDTH * 4 / 1e6
            print(f"{count:8,d} pictures   main {own:6.0f} MB   worker {worker:6.0f} MB   (in memory: {whole:.0f} MB)")
    few, many = (sum(found[count]) for count in counts)
    ratio, slope = many / few, (many - few) / (counts[1] - counts[0])
    result = {
        "benchmark": "embed_memory",
        "pictures": counts,
        "peak_bytes": [sum(found[count]) for count in counts],
        "ratio": round(ratio, 4),
        "bytes_a_picture": round(slope, 1),
        "ratio_to_whole_in_memory": round(slope / (WIDTH * 4), 4),
        "holds": ratio <= 1.1 and slope <= 64,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
