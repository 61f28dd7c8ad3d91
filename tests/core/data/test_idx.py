import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from helpers.idx_files import idx_bytes, idx_header, write_idx
from mnist_core.data.idx import IdxError, read_images, read_labels

IMAGES = np.arange(2 * 3 * 4).reshape(2, 3, 4)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_reads_images_as_uint8_in_their_shape(tmp_path: Path, name: str) -> None:
    images = read_images(write_idx(tmp_path / name, IMAGES))

    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "int32"])
def test_reads_labels_of_every_integer_type(tmp_path: Path, kind: str) -> None:
    labels = read_labels(write_idx(tmp_path / "labels", [7, 0, 100], kind))

    assert labels.tolist() == [7, 0, 100]


def test_content_tells_gzip_not_the_name(tmp_path: Path) -> None:
    raw_called_gz = tmp_path / "labels.gz"
    raw_called_gz.write_bytes(idx_bytes([1, 2]))
    gzip_called_raw = tmp_path / "labels"
    gzip_called_raw.write_bytes(gzip.compress(idx_bytes([3, 4])))

    assert read_labels(raw_called_gz).tolist() == [1, 2]
    assert read_labels(gzip_called_raw).tolist() == [3, 4]


def test_reads_a_gzip_file_of_several_members(tmp_path: Path) -> None:
    content = idx_bytes(IMAGES)
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(content[:20]) + gzip.compress(content[20:]))

    np.testing.assert_array_equal(read_images(path), IMAGES)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n <!DOCTYPE HTML><html>", "is a web page (HTML)"),
        (b"\xef\xbb\xbf<html>", "is a web page (HTML)"),
        (b"<?xml version='1.0'?><Error>", "is XML, such as a server's answer"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "is a Git LFS pointer"),
        (b"/annex/objects/MD5E-s9912422--f68b", "is a git-annex pointer"),
        (b"PK\x03\x04" + bytes(60), "is a zip archive"),
        (bytes(257) + b"ustar" + bytes(300), "is a tar archive"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array (.npy)"),
        (b"\x80\x04\x95", "is a Python pickle"),
        (b"label,pixel0\r\n5,0\r\n", "is text that begins “label,pixel0”, not an IDX file"),
        ("é".encode() * 300, "is text that begins “éé"),
        (b"\x03\x08\x00\x00\x02\x00\x00\x00", "is written with the smallest byte first"),
        (b"\x00\x00\x07\x03", "is not an IDX file, nor of another kind that is known here"),
        (b"\x00\x00\x08", "is not an IDX file, nor of another kind that is known here"),
        (idx_bytes([1, 2]), "holds 2 values, which is one dimension, as labels have"),
        (idx_bytes([[1, 2]]), "holds 1 x 2 values, which is a row for each image"),
        (
            idx_bytes(np.zeros((2, 3, 4, 3))),
            "holds 2 x 3 x 4 x 3 values, which is four dimensions, as images in colour have",
        ),
        (idx_header([1] * 255), "holds 1 x 1 x 1 x 1 x 1 x ... values, which is 255 dimensions"),
        (idx_header([]), "holds no values, which is 0 dimensions"),
        (idx_bytes(IMAGES, "int16"), "holds int16 values; pixels are uint8"),
        (idx_bytes(IMAGES / 24, "float32"), "holds float32 values; pixels are uint8"),
        (idx_bytes(IMAGES / 24, "float64"), "holds float64 values; pixels are uint8"),
        (idx_bytes(IMAGES)[:9], "ends within its header"),
        (bytes([0, 0, 8, 255]), "ends within its header"),
        (idx_header((0, 28, 28)), "holds no images: its header says 0 x 28 x 28"),
        (idx_bytes(IMAGES)[:-1], "2 x 3 x 4 values are 24 bytes, but only 23 follow"),
        (idx_bytes(IMAGES) + b"x", "2 x 3 x 4 values are 24 bytes, but more follow"),
    ],
)
def test_wrong_content_is_refused_with_the_file_named(
    tmp_path: Path, content: bytes, told: str, pack: type[bytes]
) -> None:
    path = tmp_path / "images"
    path.write_bytes(pack(content))

    with pytest.raises(IdxError) as caught:
        read_images(path)

    assert str(path) in str(caught.value)
    assert told in str(caught.value)


def test_gzip_within_gzip_is_told_apart_from_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(gzip.compress(idx_bytes(IMAGES))))

    with pytest.raises(IdxError, match=r"images\.gz is gzip within gzip, .* with gunzip\.$"):
        read_images(path)


@pytest.mark.parametrize("kind", ["uint8", "int32"])
@pytest.mark.parametrize(
    "rows",
    [[[2], [0], [1]], [[2, 0, 1]], [[0, 0, 1], [1, 0, 0], [0, 1, 0]]],
    ids=["column", "row", "one-hot"],
)
def test_labels_in_two_dimensions_are_read_where_they_plainly_are(
    tmp_path: Path, rows: list[list[int]], kind: str
) -> None:
    assert read_labels(write_idx(tmp_path / "labels", rows, kind)).tolist() == [2, 0, 1]


def test_the_labels_of_qmnist_are_read(tmp_path: Path) -> None:
    rows = [[5, 0, 210, 71, 35, 117861, 0, 0], [0, 4, 2150, 3, 30, 9, 0, 0]]

    assert read_labels(write_idx(tmp_path / "labels", rows, "int32")).tolist() == [5, 0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (idx_bytes([1.0, 2.0], "float32"), "holds float32 values; labels are whole numbers"),
        (idx_bytes([[1, 2], [3, 4]]), "holds 2 x 2 values, several for each example"),
        (idx_bytes([[0, 1, 1], [1, 0, 0]]), "holds 2 x 3 values, several for each example"),
        (idx_bytes([[12] * 8] * 2, "int32"), "holds 2 x 8 values, several for each example"),
        (idx_bytes(IMAGES), "holds 2 x 3 x 4 values, which is three dimensions, as images have"),
        (idx_header([2, 3, 4, 5]), "which is 4 dimensions; labels have one"),
        (b"<html>", "is a web page (HTML)"),
    ],
)
def test_what_are_no_labels_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)

    with pytest.raises(IdxError) as caught:
        read_labels(path)

    assert str(caught.value).startswith(f"{path} ")
    assert told in str(caught.value)


@pytest.mark.parametrize("kept", [3, 10, 30, -9, -1])
def test_truncated_gzip_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx_bytes(IMAGES))[:kept])

    with pytest.raises(IdxError, match=r"images\.gz is a damaged gzip file"):
        read_images(path)


@pytest.mark.parametrize("position", [12, 20, -6])
def test_corrupt_gzip_is_refused(tmp_path: Path, position: int) -> None:
    content = bytearray(gzip.compress(idx_bytes(IMAGES)))
    content[position] ^= 0xFF
    path = tmp_path / "images.gz"
    path.write_bytes(content)

    with pytest.raises(IdxError, match=r"images\.gz"):
        read_images(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzip"])
@pytest.mark.parametrize("shape", [(2**32 - 1, 2**32 - 1, 2**32 - 1), (40_000, 28, 28)])
def test_more_promised_than_held_is_refused_before_memory_is_taken(
    tmp_path: Path, shape: tuple[int, int, int], pack: type[bytes]
) -> None:
    path = tmp_path / "images"
    path.write_bytes(pack(idx_header(shape) + bytes(20_000_000)))

    tracemalloc.start()
    try:
        with pytest.raises(IdxError, match="but only 20000000 follow"):
            read_images(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8_000_000


def test_images_in_the_place_of_labels_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(idx_header((20_000, 28, 28)) + bytes(20_000 * 28 * 28))

    tracemalloc.start()
    try:
        with pytest.raises(IdxError, match="Are two names swapped"):
            read_labels(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


def test_gzip_that_unpacks_to_far_more_than_promised_is_refused_unkept(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx_header((1, 28, 28)) + bytes(50_000_000)))

    tracemalloc.start()
    try:
        with pytest.raises(IdxError, match="784 bytes, but more follow"):
            read_images(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8_000_000


def test_false_size_in_the_gzip_trailer_is_found_out(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(idx_header((5, 3, 4)) + bytes(24)))
    content[-4:] = (16 + 60).to_bytes(4, "little")
    path = tmp_path / "images.gz"
    path.write_bytes(content)

    with pytest.raises(IdxError, match=r"images\.gz"):
        read_images(path)


def test_missing_file_and_folder_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(IdxError, match=r"gone cannot be read: No such file or directory\.$"):
        read_images(tmp_path / "gone")
    with pytest.raises(IdxError, match=r"cannot be read: Is a directory\.$"):
        read_images(tmp_path)


def test_unreadable_file_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(IdxError, match=r"labels cannot be read: Permission denied\.$"):
        read_labels(tmp_path / "labels")
