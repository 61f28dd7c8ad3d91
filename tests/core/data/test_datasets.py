import gzip
import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.idx_files import MNIST_FILES, idx_bytes, idx_header, write_dataset, write_idx
from helpers.mirror_server import MirrorServer, serving
from mnist_core.data import registry
from mnist_core.data.dataset import Dataset
from mnist_core.data.registry import (
    PUBLISHED,
    DatasetUnavailable,
    LoadingCancelled,
    PublishedDataset,
    dataset_names,
    default_cache_folder,
    is_cached,
    load_dataset,
)

REAL_MNIST = Path(__file__).parents[4] / "shared" / "mnist"

TRAIN_LABELS = [3, 0, 1, 2, 4, 5, 6, 7, 8, 9]
TEST_LABELS = [9, 0, 3]


def load_folder(folder: Path) -> Dataset:
    return load_dataset(folder, cache=folder / "unused cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good data set, for tests to damage."""
    return write_dataset(tmp_path / "digits", TRAIN_LABELS, TEST_LABELS)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MirrorServer]:
    """MNIST is a tiny data set on a server of ours."""
    origin = write_dataset(tmp_path / "origin", TRAIN_LABELS, TEST_LABELS)
    files = {name: (origin / name).read_bytes() for name in MNIST_FILES}
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(files) as server:
        images, labels, test_images, test_labels = (
            hashlib.md5(content).hexdigest() for content in files.values()
        )
        tiny = PublishedDataset(
            title="Tiny MNIST",
            mirrors=(server.mirror("half"), server.mirror("good")),
            md5=(images, labels, test_images, test_labels),
            class_names=tuple("0123456789"),
        )
        monkeypatch.setattr(registry, "PUBLISHED", {"mnist": tiny})
        yield server


def test_folder_becomes_a_dataset_named_for_it(folder: Path) -> None:
    dataset = load_folder(folder)

    assert dataset.name == "digits"
    assert dataset.source == str(folder)
    assert not dataset.synthetic
    assert dataset.image_shape == (5, 4)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.images.shape == (10, 5, 4)
    assert dataset.train.labels.dtype == np.uint16
    assert dataset.train.labels.tolist() == TRAIN_LABELS
    assert dataset.test.labels.tolist() == TEST_LABELS
    assert dataset.class_names == tuple("0123456789")


@pytest.mark.parametrize(
    "names",
    [
        [name.removesuffix(".gz") for name in MNIST_FILES],
        [name.replace("-idx", ".idx") for name in MNIST_FILES],
        [name.replace("t10k", "test").removesuffix(".gz") for name in MNIST_FILES],
        [*MNIST_FILES[:3], "test-labels.idx1-ubyte"],
    ],
)
def test_every_way_of_naming_the_files_is_understood(tmp_path: Path, names: list[str]) -> None:
    a, b, c, d = names
    write_dataset(tmp_path, TRAIN_LABELS, TEST_LABELS, names=(a, b, c, d))

    assert load_folder(tmp_path).test.labels.tolist() == TEST_LABELS


def test_a_folder_may_be_given_as_text_and_from_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))

    assert load_dataset(str(folder), folder).name == "digits"
    assert load_dataset("~/digits", folder).name == "digits"


def test_labels_with_gaps_become_contiguous_classes_in_ascending_order(tmp_path: Path) -> None:
    dataset = load_folder(write_dataset(tmp_path, [200, 7, 9, 7], [9, 9]))

    assert dataset.class_labels == (7, 9, 200)
    assert dataset.class_names == ("7", "9", "200")
    assert dataset.train.labels.tolist() == [2, 0, 1, 0]
    assert dataset.test.labels.tolist() == [1, 1]


def test_classes_that_only_the_test_set_has_are_classes(tmp_path: Path) -> None:
    dataset = load_folder(write_dataset(tmp_path, [1, 5], [3, 1]))

    assert dataset.class_labels == (1, 3, 5)
    assert dataset.train.labels.tolist() == [0, 2]
    assert dataset.test.labels.tolist() == [1, 0]


def test_large_images_of_63_classes_with_gaps(tmp_path: Path) -> None:
    labels = [label for label in range(70) if label % 10 != 3]
    assert len(labels) == 63
    (tmp_path / "classes.txt").write_text("\n".join(f"glyph {k}" for k in range(70)))

    dataset = load_folder(write_dataset(tmp_path, labels, labels[::-1], image_shape=(50, 50)))

    assert dataset.class_count == 63
    assert dataset.image_shape == (50, 50)
    assert dataset.input_size == 2500
    assert dataset.train.labels.tolist() == list(range(63))
    assert dataset.class_names[3] == "glyph 4"
    assert dataset.class_names[-1] == "glyph 69"


def test_more_than_256_classes_by_wider_labels(tmp_path: Path) -> None:
    a, b, c, d = (name.replace("labels-idx1-ubyte", "labels-idx1-int") for name in MNIST_FILES)
    labels = list(range(0, 100_000, 200))

    dataset = load_folder(
        write_dataset(tmp_path, labels, labels[:9], (1, 1), (a, b, c, d), label_kind="int32")
    )

    assert dataset.class_count == 500
    assert dataset.class_labels[-1] == 99_800
    assert dataset.train.labels.tolist() == list(range(500))


def test_class_names_are_kept_to_the_letter(folder: Path) -> None:
    names = ["[/]", "[red]x", "\x1b[31mred\x1b[0m", "  a b ", "", "né\u2028o\x0b"]
    (folder / "classes.txt").write_bytes("\r\n".join(names).encode())

    class_names = load_folder(folder).class_names

    assert class_names[:4] == tuple(names[:4])
    assert class_names[4] == "4"
    assert class_names[5] == names[5]
    assert class_names[6:] == ("6", "7", "8", "9")


def test_class_names_in_another_encoding_are_refused(folder: Path) -> None:
    (folder / "classes.txt").write_bytes("né".encode("latin-1"))

    with pytest.raises(DatasetUnavailable, match=r"classes\.txt is not UTF-8 text"):
        load_folder(folder)


def test_an_empty_folder_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnavailable) as caught:
        load_folder(tmp_path)

    message = str(caught.value)
    assert message.startswith(f"{tmp_path} does not hold train-images-idx3-ubyte; ")
    assert "t10k-labels-idx1-ubyte or test-labels-idx1-ubyte" in message


def test_only_the_missing_file_is_named(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()

    with pytest.raises(DatasetUnavailable) as caught:
        load_folder(folder)

    assert "does not hold t10k-labels-idx1-ubyte or test-labels-idx1-ubyte. A" in str(caught.value)


def test_near_misses_in_the_folder_are_named(tmp_path: Path) -> None:
    for split in ("letters", "digits"):
        a, b, c, d = (f"emnist-{split}-{name.replace('t10k', 'test')}" for name in MNIST_FILES)
        write_dataset(tmp_path, TRAIN_LABELS, TEST_LABELS, names=(a, b, c, d))
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97")

    with pytest.raises(DatasetUnavailable) as caught:
        load_folder(tmp_path)

    message = str(caught.value)
    assert message.startswith(f"{tmp_path} does not hold train-images-idx3-ubyte; ")
    assert "It holds emnist-digits-test-images-idx3-ubyte.gz, emnist-digits-test-labels" in message
    assert "and 4 more: rename those that are meant." in message
    assert "mapping" not in message
    assert "--transpose sets them upright" in message


@pytest.mark.parametrize("name", ["mnist.npz", "train-images-idx3-ubyte.zip", "archive.TAR.GZ"])
def test_other_formats_in_the_folder_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something")

    with pytest.raises(DatasetUnavailable) as caught:
        load_folder(tmp_path)

    assert f"It holds {name}: unpack or convert to IDX what is meant." in str(caught.value)
    assert "rename" not in str(caught.value)


@pytest.mark.parametrize("given", ["root", "root/FashionMNIST", "root/FashionMNIST/raw"])
def test_the_folders_of_torchvision_are_found(tmp_path: Path, given: str) -> None:
    raw = write_dataset(tmp_path / "root" / "FashionMNIST" / "raw", TRAIN_LABELS, TEST_LABELS)
    (tmp_path / "root" / "notes").mkdir()
    for name in MNIST_FILES:
        (raw / name.removesuffix(".gz")).write_bytes(gzip.decompress((raw / name).read_bytes()))

    dataset = load_folder(tmp_path / given)

    assert dataset.name == "FashionMNIST"
    assert dataset.data == dataset.source == str(raw)
    assert dataset.train.labels.tolist() == TRAIN_LABELS
    assert dataset.doubts == (), "packed and unpacked are no two files"


def test_a_file_that_is_missing_in_a_folder_of_torchvision_is_named(tmp_path: Path) -> None:
    raw = write_dataset(tmp_path / "MNIST" / "raw", TRAIN_LABELS, TEST_LABELS)
    (raw / MNIST_FILES[1]).unlink()

    with pytest.raises(DatasetUnavailable, match="MNIST/raw does not hold train-labels-idx1-ubyte"):
        load_folder(tmp_path)


def test_of_several_data_sets_of_torchvision_none_is_chosen(tmp_path: Path) -> None:
    for name in ("MNIST", "KMNIST"):
        write_dataset(tmp_path / name / "raw", TRAIN_LABELS, TEST_LABELS)

    with pytest.raises(
        DatasetUnavailable, match=r"several data sets: KMNIST/raw and MNIST/raw\. Name one"
    ):
        load_folder(tmp_path)


def test_test_sets_of_both_names_are_told(folder: Path) -> None:
    a, b, c, d = (name.replace("t10k", "test").removesuffix(".gz") for name in MNIST_FILES)
    write_dataset(folder, TRAIN_LABELS, [1, 1, 2, 2], names=(a, b, c, d))

    dataset = load_folder(folder)

    assert dataset.test.labels.tolist() == TEST_LABELS
    (doubt,) = dataset.doubts
    assert doubt == (
        "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz are read, test-images-idx3-ubyte "
        "and test-labels-idx1-ubyte beside them are not: move away those that are not meant."
    )


def test_images_and_labels_of_one_name_belong_together(folder: Path) -> None:
    a, b, c, d = (name.replace("t10k", "test").removesuffix(".gz") for name in MNIST_FILES)
    write_dataset(folder, TRAIN_LABELS, [1, 1, 2, 2], names=(a, b, c, d))
    (folder / MNIST_FILES[3]).unlink()

    dataset = load_folder(folder)

    assert dataset.test.labels.tolist() == [1, 1, 2, 2]
    assert "t10k-images-idx3-ubyte.gz beside them are not" in dataset.doubts[0]


def test_a_folder_is_read_with_what_is_doubtful_about_it(tmp_path: Path) -> None:
    write_dataset(tmp_path, TRAIN_LABELS, TEST_LABELS)
    for train, test in zip(MNIST_FILES[:2], MNIST_FILES[2:], strict=True):
        (tmp_path / test).write_bytes((tmp_path / train).read_bytes())

    dataset = load_folder(tmp_path)

    assert dataset.doubts == (
        "All 10 test images are training images too: they test memory alone.",
    )


def test_neither_name_nor_folder_is_refused_with_the_names(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetUnavailable, match=r"mnst is neither .* mnist, fashion_mnist, kmnist"
    ):
        load_dataset("mnst", tmp_path)
    with pytest.raises(DatasetUnavailable, match="begins with a user that is not known here"):
        load_dataset("~nobody-of-that-name/digits", tmp_path)


def test_a_file_instead_of_a_folder_is_refused(folder: Path) -> None:
    with pytest.raises(DatasetUnavailable, match=r"\.gz is a file\. Name a folder"):
        load_folder(folder / MNIST_FILES[0])


def test_a_folder_that_may_not_be_read_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    with pytest.raises(
        DatasetUnavailable, match=r"digits could not be loaded: Permission denied\.$"
    ):
        load_folder(folder)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-12])


def corrupt(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10] + b"\xff" * 40)


def give_other_magic(path: Path) -> None:
    write_idx(path, [[1, 2], [3, 4]])


def promise_too_much(path: Path) -> None:
    path.write_bytes(gzip.compress(idx_header((2**31, 28, 28)) + b"few"))


@pytest.mark.parametrize("damage", [cut_short, corrupt, give_other_magic, promise_too_much])
@pytest.mark.parametrize("name", MNIST_FILES)
def test_a_damaged_file_is_named(folder: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(folder / name)

    with pytest.raises(DatasetUnavailable) as caught:
        load_folder(folder)

    assert str(folder / name) in str(caught.value)


@pytest.mark.parametrize("part", [0, 2])
def test_counts_that_differ_are_told_with_both_files(folder: Path, part: int) -> None:
    images, labels = folder / MNIST_FILES[part], folder / MNIST_FILES[part + 1]
    write_idx(labels, [0, 1])
    count = len((TRAIN_LABELS, TEST_LABELS)[part // 2])

    with pytest.raises(DatasetUnavailable) as caught:
        load_folder(folder)

    assert f"{images} holds {count} images, but {labels} 2 labels." in str(caught.value)


def test_test_images_of_another_size_are_refused(folder: Path) -> None:
    write_idx(folder / MNIST_FILES[2], np.zeros((3, 4, 5)))

    with pytest.raises(DatasetUnavailable, match="differ in size: 5 x 4 and 4 x 5 pixels"):
        load_folder(folder)


def test_no_images_are_refused(folder: Path) -> None:
    (folder / MNIST_FILES[2]).write_bytes(idx_bytes(np.zeros((0, 5, 4))))

    with pytest.raises(DatasetUnavailable, match="holds no images"):
        load_folder(folder)


def test_negative_labels_are_refused(folder: Path) -> None:
    write_idx(folder / MNIST_FILES[3], [0, -1, 2], "int8")

    with pytest.raises(DatasetUnavailable, match="holds the label -1; labels start at 0"):
        load_folder(folder)


def test_a_published_dataset_is_fetched_once_with_progress(
    published: MirrorServer, tmp_path: Path
) -> None:
    told: list[str] = []

    first = load_dataset("mnist", tmp_path, lambda name, *_: told.append(name))
    asked = len(published.requests)
    second = load_dataset("mnist", tmp_path, lambda name, *_: told.append(name))

    assert first.name == second.name == "mnist"
    assert first.train.labels.tolist() == TRAIN_LABELS
    np.testing.assert_array_equal(first.test.images, second.test.images)
    assert list(dict.fromkeys(told)) == list(MNIST_FILES)
    assert asked == len(published.requests) == 5
    assert is_cached("mnist", tmp_path)


def test_a_damaged_cache_is_repaired(published: MirrorServer, tmp_path: Path) -> None:
    load_dataset("mnist", tmp_path)
    cut_short(tmp_path / "mnist" / MNIST_FILES[0])

    assert not is_cached("mnist", tmp_path)
    assert load_dataset("mnist", tmp_path).train.labels.tolist() == TRAIN_LABELS
    assert is_cached("mnist", tmp_path)


def test_a_named_dataset_that_cannot_be_had_says_what_to_do(
    published: MirrorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = PublishedDataset(
        "Tiny MNIST",
        (published.mirror("missing"), published.mirror("half")),
        registry.PUBLISHED["mnist"].md5,
        (),
    )
    monkeypatch.setattr(registry, "PUBLISHED", {"mnist": unreachable})

    with pytest.raises(DatasetUnavailable) as caught:
        load_dataset("mnist", tmp_path)

    message = str(caught.value)
    assert message.startswith("Tiny MNIST is not available: train-images-idx3-ubyte.gz could not")
    assert "answered 404" in message
    assert "broke off half way" in message
    assert message.endswith("Or name a folder of IDX files with --data DIR.")


def test_cancelling_a_download_ends_the_loading(published: MirrorServer, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()

    with pytest.raises(LoadingCancelled):
        load_dataset("mnist", tmp_path, cancel=cancel)

    assert published.requests == []


def test_the_registry_is_complete() -> None:
    assert dataset_names() == ("mnist", "fashion_mnist", "kmnist", "synthetic")
    for entry in PUBLISHED.values():
        assert list(entry.files) == list(MNIST_FILES)
        assert len(set(entry.md5)) == 4
        assert all(len(bytes.fromhex(md5)) == 16 for md5 in entry.md5)
        assert len(entry.class_names) == 10
        assert all(mirror.endswith("/") for mirror in entry.mirrors)
    assert len(PUBLISHED["mnist"].mirrors) == 3
    assert PUBLISHED["fashion_mnist"].class_names[9] == "Ankle boot"


def test_synthetic_digits_are_had_by_name(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = load_folder(folder)
    asked: list[Path | None] = []

    def draw(cache_folder: Path | None = None) -> Dataset:
        asked.append(cache_folder)
        return drawn

    monkeypatch.setattr("mnist_core.data.synthetic.synthetic_dataset", draw)

    loaded = load_dataset("synthetic", tmp_path)
    assert loaded.train is drawn.train
    assert loaded.data == "synthetic"
    assert asked == [tmp_path]


def test_the_cache_folder_is_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    folder = default_cache_folder()

    assert folder.is_absolute()
    assert "mnist-tui" in folder.parts
    if sys.platform == "linux":
        assert folder == tmp_path / "mnist-tui" / "datasets"


def test_knowing_the_datasets_costs_no_import_of_the_network_or_mlx() -> None:
    code = "import sys, mnist_core.data.loader; print(*sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    modules = set(run.stdout.split())
    assert "mnist_core.data.registry" in modules
    assert modules.isdisjoint({"requests", "pooch", "mlx", "mlx.core", "mnist_core.data.downloads"})


@pytest.mark.skipif(not REAL_MNIST.is_dir(), reason="the real MNIST files are not beside the repo")
def test_real_mnist_is_read_whole() -> None:
    dataset = load_folder(REAL_MNIST)

    assert dataset.train.images.shape == (60_000, 28, 28)
    assert dataset.test.images.shape == (10_000, 28, 28)
    assert dataset.class_labels == tuple(range(10))
    digest = hashlib.md5(idx_header((60_000, 28, 28)) + dataset.train.images.tobytes())
    assert digest.hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert np.bincount(dataset.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]  # fmt: skip
