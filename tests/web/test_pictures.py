import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from noisette.data.images import raw_uri, tar_uri
from noisette.pipeline.workspace import Workspace, create_workspace, finish_workspace, open_workspace
from noisette.store import read_samples, write_samples
from noisette.types import SampleTable
from noisette.web.guard import GuardSettings
from tests.web.conftest import Page, client_of, make_workspace

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def with_uris(root: Path, uris: list[str]) -> Workspace:
    """Make a workspace whose first samples have these uris."""
    workspace = make_workspace(root)
    samples = read_samples(workspace.samples)
    changed = [*uris, *samples.uris[len(uris) :]]
    write_samples(workspace.samples, SampleTable(samples.splits, samples.keys, changed, samples.given_labels))
    return open_workspace(root)


def png(size: tuple[int, int] = (300, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (10, 200, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def statuses(workspace: Workspace, count: int) -> list[int]:
    with client_of(workspace, GuardSettings()) as client:
        found = [client.get(f"/{kind}/{row}").status_code for kind in ("thumb", "image") for row in range(count)]
    assert found[:count] == found[count:]
    return found[:count]


def opened(client: TestClient, path: str) -> Image.Image:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/webp"
    picture = Image.open(io.BytesIO(answer.content))
    picture.load()
    return picture


def test_pictures_are_encoded_anew_in_two_sizes(page: Page) -> None:
    (page.workspace.image_root / "01.png").write_bytes(png((2000, 1000)))
    small, large = opened(page.client, "/thumb/1"), opened(page.client, "/image/1")
    assert (small.format, small.size, large.format, large.size) == ("WEBP", (256, 128), "WEBP", (1600, 800))


def test_what_hides_in_a_picture_is_not_served(page: Page) -> None:
    path = page.workspace.image_root / "01.png"
    path.write_bytes(png() + HTML)
    Image.new("RGB", (64, 64)).save(page.workspace.image_root / "02.png", "JPEG", comment=HTML, exif=Image.Exif())
    for row in (1, 2):
        assert b"script" not in page.client.get(f"/image/{row}").content
        assert b"script" not in page.client.get(f"/thumb/{row}").content


@pytest.mark.parametrize("content", [SVG, HTML, b"", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"GIF89a"])
@pytest.mark.parametrize("name", ["01.png", "01.svg", "01.html"])
def test_svg_html_postscript_and_broken_files_are_never_served(tmp_path: Path, content: bytes, name: str) -> None:
    workspace = with_uris(tmp_path / "fruit", [name])
    (workspace.image_root / name).write_bytes(content)
    with client_of(workspace, GuardSettings()) as client:
        for path in ("/thumb/0", "/image/0"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/json"
            assert b"script" not in answer.content


def test_paths_out_of_the_image_root_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    uris = [
        "../secret.png",
        "../../secret.png",
        str(secret),
        f"file://{secret}",
        "x/../../../secret.png",
        "..\\..\\secret.png",
        "%2e%2e/%2e%2e/secret.png",
        "..%2f..%2fsecret.png",
        "....//....//secret.png",
        "01.png\x00.svg",
        "01.png/",
        "01.png/../02.png",
        ".",
        "",
        "/dev/zero",
        "/etc/passwd",
        tar_uri(0, len(png()), "x.png", "../../secret.png"),
        raw_uri(0, (3, 2, 2), "../../secret.png"),
        raw_uri(0, (3, 2, 2), str(secret)),
        "tar://0+99/x::../samples.parquet",
        "a" * 5000,
    ]
    assert statuses(with_uris(tmp_path / "deep" / "fruit", uris), len(uris)) == [404] * len(uris)


def test_symbolic_links_are_followed_inside_the_image_root_alone(tmp_path: Path) -> None:
    uris = ["in.png", "out.png", "folder/x.png", "circle.png", "shard.tar"]
    workspace = with_uris(tmp_path / "fruit", [*uris[:4], tar_uri(0, 10, "x", uris[4])])
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.png").write_bytes(png())
    root = workspace.image_root
    (root / "in.png").symlink_to("05.png")
    (root / "out.png").symlink_to(tmp_path / "outside" / "x.png")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "circle.png").symlink_to("circle.png")
    (root / "shard.tar").symlink_to(tmp_path / "outside" / "x.png")
    assert statuses(workspace, 5) == [200, 404, 404, 404, 404]


def test_an_image_root_that_is_a_link_itself_is_fine(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "fruit")
    moved = tmp_path / "moved"
    workspace.image_root.rename(moved)
    workspace.image_root.symlink_to(moved)
    assert statuses(workspace, 2) == [200, 200]


def test_members_of_shards_are_served(tmp_path: Path) -> None:
    data = png()
    root = tmp_path / "fruit"
    shard = io.BytesIO()
    with tarfile.open(fileobj=shard, mode="w") as tar:
        member = tarfile.TarInfo("x.png")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    workspace = with_uris(root, [tar_uri(512, len(data), "x.png", "0.tar")])
    (workspace.image_root / "0.tar").write_bytes(shard.getvalue())
    assert statuses(workspace, 1) == [200]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/thumb/60", 404),
        ("/thumb/-1", 400),
        ("/thumb/1.5", 400),
        ("/thumb/x", 400),
        ("/thumb/99999999999999999999", 400),
        ("/thumb/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404),
        ("/thumb/..%2fsamples.parquet", 404),
        ("/thumb//etc/passwd", 404),
        ("/thumb/01.png", 400),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/static/..%2fapp.py", 404),
        ("/static/%252e%252e/app.py", 404),
        ("/static//etc/passwd", 404),
        ("/static/", 404),
    ],
)
def test_only_numbers_of_samples_and_our_own_static_files_are_known(page: Page, path: str, status: int) -> None:
    answer = page.client.get(path)
    assert answer.status_code == status
    assert b"import" not in answer.content
    assert b"root:" not in answer.content


def test_a_browser_keeps_a_picture_until_its_file_changes(page: Page) -> None:
    first = page.client.get("/thumb/1")
    tag = first.headers["etag"]
    assert first.headers["cache-control"].startswith("private, max-age=")
    again = page.client.get("/thumb/1", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    (page.workspace.image_root / "01.png").write_bytes(png((64, 64)))
    changed = page.client.get("/thumb/1", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert page.client.get("/image/1").headers["etag"] != changed.headers["etag"]


def test_thumbnails_are_kept_on_disk_and_pictures_are_not(page: Page) -> None:
    folder = page.workspace.root / "review" / "thumbnails"
    page.client.get("/image/1")
    assert not list(folder.glob("*/*"))
    first = page.client.get("/thumb/1").content
    [kept] = folder.glob("*/*.webp")
    assert kept.read_bytes() == first
    kept.unlink()
    assert page.client.get("/thumb/1").content == first


def test_a_workspace_of_features_alone_has_no_pictures(tmp_path: Path) -> None:
    workspace = create_workspace(tmp_path / "w", make_workspace(tmp_path / "fruit").settings, ("a", "b"))
    write_samples(workspace.samples, SampleTable(["train"] * 2, ["1", "2"], ["", ""], np.array([0, 1])))
    finish_workspace(workspace)
    (workspace.root / "reviews.sqlite").touch()
    with client_of(open_workspace(workspace.root), GuardSettings()) as client:
        assert client.get("/thumb/0").json() == {"error": "the sample has no picture"}
        assert client.get("/api/grid", params={"class_id": 0}).json()["total"] == 1
