"""Names that every file system takes, told apart even where capital letters do not count."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import PurePosixPath

from noisette.data.datasets.file_names import is_picture

MAX_BYTES = 180
"""Longest name in bytes of UTF-8, without ending; file systems end at 255."""

# What Windows forbids, control characters, line breaks of any kind, and halves of characters.
_FORBIDDEN = re.compile('[\x00-\x1f\x7f-\x9f<>:"/\\\\|?*\u2028\u2029\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)


def safe_name(text: str) -> str:
    """Give a name that Windows, macOS and Linux take for a folder or a file; a good one stays as it is.

    Example:
        >>> safe_name("cats/dogs"), safe_name("..hidden. "), safe_name("CON"), safe_name("crème")
        ('cats_dogs', '_.hidden', '_CON', 'crème')
    """
    name = _FORBIDDEN.sub("_", text).strip(" ").rstrip(". ")
    if name.startswith("."):
        name = "_" + name[1:]
    if not name or _RESERVED.fullmatch(name):
        name = "_" + name
    if len(name.encode()) > MAX_BYTES:
        name = f"{_cut(name, MAX_BYTES - 9)}-{_digits(text, 8)}"
    return name


def safe_names(texts: Sequence[str]) -> list[str]:
    """Give a safe name for each of several different texts; no two are alike, even where case does not count.

    Those that would be alike all get some digits of their own, so a name depends on no order.
    """
    return distinct([safe_name(text) for text in texts], texts)


def distinct(names: list[str], identities: Sequence[str]) -> list[str]:
    """Add digits of the hash of their identity to names that are alike; `names` is changed in place and given back."""
    for length in count(6, 2):
        folded = [_folded(name) for name in names]
        shared = {name for name, times in Counter(folded).items() if times > 1}
        if not shared:
            break
        for at, name in enumerate(folded):
            if name in shared:
                names[at] = f"{names[at]}-{_digits(identities[at], length)}"
    return names


def split_names(splits: Iterable[str]) -> dict[str, str]:
    """Give each split a name of letters, digits and underscores, which is what Hugging Face takes.

    Example:
        >>> split_names(["train", "noisy train"])
        {'train': 'train', 'noisy train': 'noisy_train'}
    """
    texts = list(splits)
    plain = [re.sub(r"\W", "_", safe_name(text), flags=re.ASCII) for text in texts]
    return dict(zip(texts, (name.replace("-", "_") for name in distinct(plain, texts)), strict=True))


def file_stems(keys: Sequence[str], splits_and_classes: Sequence[tuple[str, str]]) -> list[str]:
    """Give the name of each file in a class folder, without ending: the path in its key, less split and class.

    Args:
        keys: (n,) keys.
        splits_and_classes: (n,) the names of split and given class, which are taken off the path where it has them.

    Returns:
        (n,) names, not yet told apart, see `distinct`.

    Example:
        >>> file_stems(["train/bun/a/1.jpg", "2"], [("train", "bun"), ("train", "bun")])
        ['a_1', '2']
    """
    return [_stem(key, split, name) for key, (split, name) in zip(keys, splits_and_classes, strict=True)]


def _stem(key: str, split: str, class_name: str) -> str:
    parts = [part for part in key.split("/") if part not in ("", ".")]
    for folder in (split, class_name):
        if len(parts) > 1 and parts[0] == folder:
            parts = parts[1:]
    name = "_".join(parts)
    return safe_name(str(PurePosixPath(name).with_suffix("")) if is_picture(name) else name)


def _folded(name: str) -> str:
    """Give what a file system that minds neither case nor how accents are composed makes of a name."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _cut(name: str, num_bytes: int) -> str:
    return name.encode()[:num_bytes].decode(errors="ignore")


def _digits(text: str, length: int) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()[:length]
