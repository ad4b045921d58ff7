"""Pictures by the number of their sample: made on demand by threads of their own, so that decisions never wait."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import Response

from noisette.pipeline.review import ReviewSession
from noisette.pipeline.review_pictures import (
    IMAGE_SIDE,
    THUMBNAIL_SIDE,
    PictureRefusedError,
    encode_picture,
    picture_tag,
)
from noisette.pipeline.review_thumbnails import DEFAULT_BUDGET, ThumbnailCache

MEDIA_TYPE = "image/webp"
_MAX_AGE = 3600


class Pictures:
    """Answers for thumbnails and pictures.

    Args:
        session: whose samples.
        budget: bytes that thumbnails may take on disk.
    """

    def __init__(self, session: ReviewSession, budget: int = DEFAULT_BUDGET) -> None:
        self._session, self._root = session, session.workspace.image_root
        self._cache = ThumbnailCache(session.workspace.root / "review" / "thumbnails", budget)
        self._threads = ThreadPoolExecutor(max(2, os.cpu_count() or 1), thread_name_prefix="pictures")

    async def answer(self, row: int, request: Request, *, is_thumbnail: bool) -> Response:
        """Give the picture of a sample, or 304 where the browser has it.

        Raises:
            LookupError: there is none that may be shown.
        """
        known = request.headers.get("if-none-match", "")
        try:
            loop = asyncio.get_running_loop()
            tag, data = await loop.run_in_executor(self._threads, self._find, row, is_thumbnail, known)
        except PictureRefusedError as error:
            raise LookupError(str(error)) from error
        headers = {"etag": tag, "cache-control": f"private, max-age={_MAX_AGE}"}
        if data is None:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=MEDIA_TYPE, headers=headers)

    def close(self) -> None:
        """End the threads; what they have begun is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _find(self, row: int, is_thumbnail: bool, known: str) -> tuple[str, bytes | None]:
        uri = self._session.samples.uri(row)
        tag = picture_tag(self._root, uri)
        etag = f'"{tag}{"-t" if is_thumbnail else ""}"'
        if etag in [one.strip() for one in known.split(",")]:
            return etag, None
        if not is_thumbnail:
            return etag, encode_picture(self._root, uri, IMAGE_SIDE)
        return etag, self._cache.get(tag, lambda: encode_picture(self._root, uri, THUMBNAIL_SIDE))
