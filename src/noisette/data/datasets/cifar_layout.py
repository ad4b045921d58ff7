"""How CIFAR-10 and CIFAR-100 are published: names of files and classes."""

from __future__ import annotations

from dataclasses import dataclass

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""

SHAPE = (3, 32, 32)
"""Channels, height and width of every picture."""

PIXEL_BYTES = 3 * 32 * 32


@dataclass(frozen=True, kw_only=True)
class CifarLayout:
    """The files of one of the two data sets.

    Attributes:
        name: how people call it.
        class_names: in the order of their ids.
        binary: the "binary version": training files in torchvision's order, and the test file.
        label_bytes: bytes before the pixels of a record of the binary version; the last of them is the class.
        python: the "python version": the same, as pickles.
        label_key: what the class ids are called in these pickles.
        human: file of the human labels, without its ending.
        default_labels: which set of human labels is read if none is asked for.
    """

    name: str
    class_names: tuple[str, ...]
    binary: tuple[tuple[str, ...], str]
    label_bytes: int
    python: tuple[tuple[str, ...], str]
    label_key: str
    human: str
    default_labels: str

    def describe(self) -> str:
        """Say what a folder with the pictures looks like."""
        ways = [f"{self.binary[0][0]} (binary version)", f"{self.python[0][0]} (python version)"]
        return f"the pictures of {self.name} as {', '.join(ways)}, or train/<class>/NNNN.jpg and test/<class>/NNNN.jpg"


CIFAR10 = CifarLayout(
    name="CIFAR-10",
    class_names=tuple(_CIFAR10.split()),
    binary=(
        tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)),
        "cifar-10-batches-bin/test_batch.bin",
    ),
    label_bytes=1,
    python=(
        tuple(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)),
        "cifar-10-batches-py/test_batch",
    ),
    label_key="labels",
    human="CIFAR-10_human",
    default_labels="worse",
)

CIFAR100 = CifarLayout(
    name="CIFAR-100",
    class_names=tuple(_CIFAR100.split()),
    binary=(("cifar-100-binary/train.bin",), "cifar-100-binary/test.bin"),
    label_bytes=2,
    python=(("cifar-100-python/train",), "cifar-100-python/test"),
    label_key="fine_labels",
    human="CIFAR-100_human",
    default_labels="noisy",
)
