"""How long `noisette --help` takes, against the interpreter alone and against importing torch.

Command: python benchmarks/cli_startup.py      Cost: 10 s of one core.      Bar: median under 0.3 s.
The floor is `python -c pass`. Wall seconds of whole processes, in turn, so that drift of the machine hits all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

ARMS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "noisette --help": [sys.executable, "-m", "noisette", "--help"],
    "noisette detect --help": [sys.executable, "-m", "noisette", "detect", "--help"],
    "import torch": [sys.executable, "-c", "import torch"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one run an arm")
    rounds = 1 if parser.parse_args().smoke else 9
    seconds: dict[str, list[float]] = {name: [] for name in ARMS}
    for _ in range(rounds):
        for name, command in ARMS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in median.items():
        print(f"{name:24s} {value:6.3f} s   {value / median['python -c pass']:5.1f} x the interpreter alone")
    help_seconds = median["noisette --help"]
    print(
        json.dumps(
            {
                "benchmark": "cli_startup",
                "help_seconds": round(help_seconds, 3),
                "ratio_to_interpreter": round(help_seconds / median["python -c pass"], 2),
                "ratio_to_import_torch": round(help_seconds / median["import torch"], 3),
                "bar_seconds": 0.3,
                "holds": help_seconds < 0.3,
            }
        )
    )


if __name__ == "__main__":
    main()
