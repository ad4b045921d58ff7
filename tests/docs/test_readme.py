import re
from pathlib import Path

import numpy as np

from noisette.functional.detection_metrics import auroc

ROOT = Path(__file__).resolve().parents[2]


def test_the_python_of_the_readme_runs_and_finds_wrong_labels() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, np.ndarray] = {}
    exec(block, names)
    unchecked = names["verification_labels"] < 0
    correct = (names["given_labels"] == names["truth"])[unchecked]
    assert auroc(names["scores"][unchecked], correct) > 0.9
    assert (names["is_correct"][unchecked] == correct).mean() > 0.85


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
