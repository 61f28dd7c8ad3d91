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
        (b"", "it starts with no bytes at all, not 00 00 08 03"),
        (b"<html>", "it starts with 3c 68 74 6d, not 00 00 08 03"),
        (idx_bytes([1, 2]), "it starts with 00 00 08 01, not 00 00 08 03"),
        (idx_bytes(IMAGES, "int16"), "it starts with 00 00 0b 03, not 00 00 08 03"),
        (idx_bytes(IMAGES)[:9], "ends within its header"),
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
