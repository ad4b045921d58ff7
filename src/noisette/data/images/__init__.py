"""Images as bytes and as pictures: where they lie, how they are read and decoded, and what is wrong with them."""

from noisette.data.images.decoding import DecodedImage, decode_image, decode_picture
from noisette.data.images.reading import BadImageError, file_of_row, read_image
from noisette.data.images.uris import hub_uri, parse_uri, raw_uri, shown, tar_uri

__all__ = [
    "BadImageError",
    "DecodedImage",
    "decode_image",
    "decode_picture",
    "file_of_row",
    "hub_uri",
    "parse_uri",
    "raw_uri",
    "read_image",
    "shown",
    "tar_uri",
]
