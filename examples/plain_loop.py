"""A training loop as anybody writes it. `your_own_loop.py` is the same with the weights of a verifier.

Command: python examples/plain_loop.py demo/images/train
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset


class Pictures(Dataset):
    """root/class/picture.png, as torchvision.datasets.ImageFolder has them."""

    def __init__(self, root: Path) -> None:
        self.root, self.classes = root, sorted(folder.name for folder in root.iterdir())
        self.samples = [(path, self.classes.index(path.parent.name)) for path in sorted(root.rglob("*.png"))]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int):
        path, label = self.samples[index]
        image = Image.open(path).convert("L").resize((16, 16))
        return torch.from_numpy(np.array(image, dtype=np.float32))[None] / 255, label


torch.manual_seed(0)
data = Pictures(Path(sys.argv[1]))
model = nn.Sequential(nn.Conv2d(1, 16, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(784, len(data.classes)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(3):
    for images, labels in DataLoader(data, batch_size=32, shuffle=True):
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
