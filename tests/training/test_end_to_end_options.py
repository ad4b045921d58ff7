from dataclasses import replace

import pytest

from noisette.training import VerifierLoss
from noisette.training.end_to_end_options import JointOptions

OPTIONS = JointOptions(
    num_references=4, refresh_steps=None, verified_per_step=2, warmup_epochs=1.0, verifier_weight=1.0,
    detach_weight=True, layer=None, normalization="auto", dropout=0.0, verifier_loss=VerifierLoss(),
)  # fmt: skip


@pytest.mark.parametrize(("encoded", "batch_size", "steps"), [(320, 64, 50), (1, 64, 1), (3200, 100, 320)])
def test_references_are_a_tenth_of_the_pictures_learned_from(encoded: int, batch_size: int, steps: int) -> None:
    assert OPTIONS.refreshed_every(encoded, batch_size) == steps
    assert replace(OPTIONS, refresh_steps=7).refreshed_every(encoded, batch_size) == 7


def test_a_checkpoint_is_compared_by_every_option() -> None:
    about = OPTIONS.about()
    assert about["`verifier_loss`"]["margin"] == 0.1
    assert {name.strip("`") for name in about} == set(vars(OPTIONS))
