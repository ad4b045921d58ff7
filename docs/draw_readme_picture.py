"""Draw the picture of the README from the handwritten digits of scikit-learn, with labels spoiled on purpose.

Command: python docs/draw_readme_picture.py [docs/readme.png]     (about five seconds, no network)

Confusable labels are put on some digits; cross-validated probabilities of the given label, calibrated on 200 checked
labels, then show which ones look wrong. Left: the most suspicious digits, given label struck out, suggested label after
the arrow. Right: how the label qualities of all correct and of all wrong labels lie. The same versions of the libraries
give the same picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from noisette.files import atomic_path
from noisette.functional.noise import inject_label_noise, noise_transition
from noisette.scores.calibration import fit_calibrator
from noisette.types import Float64Array, IntArray

INK, MUTED, WRONG, CORRECT = "#2a211a", "#786b5e", "#c2410c", "#14746f"
CONFUSABLE = {1: [7], 2: [7], 3: [8, 9], 4: [9], 5: [6], 7: [1], 8: [3], 9: [4, 5]}
NUM_SHOWN, NUM_CHECKED = 8, 200


def make_data() -> tuple[Float64Array, IntArray, IntArray, Float64Array]:
    """Give pictures (N, 8, 8), true and given labels (N,), and out-of-sample class probabilities (N, 10)."""
    pixels, true = load_digits(return_X_y=True)
    given = inject_label_noise(true, noise_transition(10, 0.15, confusable=CONFUSABLE), random_state=0)
    model = LogisticRegression(C=0.01, max_iter=2000)
    probabilities = cross_val_predict(model, pixels / 16, given, cv=5, method="predict_proba")
    return pixels.reshape(-1, 8, 8), true, given, probabilities


def label_quality(true: IntArray, given: IntArray, probabilities: Float64Array) -> Float64Array:
    """Give P(given label is correct), (N,), calibrated on `NUM_CHECKED` labels drawn at random."""
    scores = np.log(probabilities[np.arange(given.size), given])
    checked = np.random.default_rng(0).permutation(given.size)[:NUM_CHECKED]
    return fit_calibrator(scores[checked], (true == given)[checked].astype(np.int64))(scores)


def most_suspicious(given: IntArray, quality: Float64Array) -> IntArray:
    """Give the samples to show: the most suspicious ones, no more than two of a given label."""
    shown: list[int] = []
    for i in np.argsort(quality, kind="stable"):
        if sum(given[j] == given[i] for j in shown) < 2:
            shown.append(int(i))
        if len(shown) == NUM_SHOWN:
            break
    return np.array(shown)


def draw_digit(axes: Axes, picture: Float64Array, given: int, suggested: int) -> None:
    """Draw one digit and, under it, the label it has and the label it should have."""
    axes.imshow(picture, cmap="gray", interpolation="nearest")
    axes.set_axis_off()
    axes.text(0.28, -0.2, str(given), color=WRONG, fontsize=17, ha="center", va="center", transform=axes.transAxes)
    axes.plot([0.18, 0.38], [-0.2, -0.2], color=WRONG, linewidth=1.6, transform=axes.transAxes, clip_on=False)
    axes.text(
        0.52, -0.2, "\N{RIGHTWARDS ARROW}", color=MUTED, fontsize=14, ha="center", va="center", transform=axes.transAxes
    )
    axes.text(
        0.77, -0.2, str(suggested), color=CORRECT, fontsize=17, weight="bold", ha="center", va="center",
        transform=axes.transAxes,
    )  # fmt: skip


def draw_histogram(axes: Axes, quality: Float64Array, is_right: np.ndarray) -> None:
    """Draw how the label qualities of correct and of wrong labels lie."""
    bins = np.linspace(0, 1, 25)
    groups = ((is_right, CORRECT, "correct labels", 0.98, "right"), (~is_right, WRONG, "wrong labels", 0.02, "left"))
    for rows, color, name, x, side in groups:
        shares = np.histogram(quality[rows], bins)[0] / rows.sum()
        axes.stairs(shares, bins, fill=True, color=color, alpha=0.25)
        axes.stairs(shares, bins, color=color, linewidth=2)
        axes.text(x, 1.0, name, color=color, ha=side, va="bottom", weight="bold", transform=axes.transAxes)
    axes.set(xlabel="label quality: P(given label is correct)", yticks=[], xlim=(0, 1), xticks=[0, 0.5, 1])
    axes.spines[["top", "right", "left"]].set_visible(False)


def draw(path: Path) -> None:
    """Draw the picture into a PNG file."""
    pictures, true, given, probabilities = make_data()
    quality = label_quality(true, given, probabilities)
    with mpl.rc_context({"font.size": 11, "text.color": INK, "axes.labelcolor": MUTED, "xtick.color": MUTED}):
        figure = Figure(figsize=(10.4, 3.5), facecolor="white")
        grid = figure.add_gridspec(
            2, 7, width_ratios=[1, 1, 1, 1, 0.15, 1.9, 1.9], left=0.02, right=0.98, top=0.86, bottom=0.14, hspace=0.55
        )
        for place, i in enumerate(most_suspicious(given, quality)):
            axes = figure.add_subplot(grid[place // 4, place % 4])
            draw_digit(axes, pictures[i], int(given[i]), int(probabilities[i].argmax()))
        draw_histogram(figure.add_subplot(grid[:, 5:]), quality, given == true)
        figure.text(0.02, 0.94, "Labels that look wrong, and what they should be", weight="bold")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("readme.png"))
