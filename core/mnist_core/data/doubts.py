"""Why figures on a data set may say little: what is wrong with data that can be read."""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.recipe.hyperparameters import Validation

_FEW = 0.01
"""The share of a set up to which constant images, or ones trained on, hardly change figures."""
_MOST_NAMED = 3


def find_doubts(dataset: Dataset) -> tuple[str, ...]:
    """One sentence for each reason to doubt figures on `dataset`; class names are in them as given.

    It looks at each image twice, which takes about as long as the fingerprint.
    """
    return (*_of_classes(dataset), *_of_images(dataset))


def find_doubts_about_validation(dataset: Dataset, validation: Validation) -> tuple[str, ...]:
    """One sentence for each reason that lies in what is held out of the training set."""
    labels = dataset.train.labels
    if not isinstance(validation, int) or validation >= len(labels):
        return ()
    names = dataset.class_names
    train, held_out = (
        np.bincount(part, minlength=len(names))
        for part in (labels[:-validation], labels[-validation:])
    )
    found = []
    gone = np.flatnonzero((train == 0) & (held_out > 0))
    if len(gone):
        found.append(
            f"Validation holds out all there is of {_listed([names[index] for index in gone])}: "
            "training has none left."
        )
    if len(names) > 1 and validation > 1 and np.count_nonzero(held_out) == 1:
        only = names[held_out.argmax()]
        found.append(
            f"Validation holds out one class alone, “{only}”: its figures say nothing of the "
            "others."
        )
    return tuple(found)


def _of_classes(dataset: Dataset) -> Iterator[str]:
    names = dataset.class_names
    train, test = (
        np.bincount(examples.labels, minlength=len(names))
        for examples in (dataset.train, dataset.test)
    )
    if len(names) == 1:
        yield f"All examples are of one class, {_listed(names)}: no answer can be wrong."
    elif np.count_nonzero(train) == 1:
        only = names[train.argmax()]
        yield f"All training examples are of one class, “{only}”: no other can be learned."
    elif np.count_nonzero(test) == 1:
        only = names[test.argmax()]
        yield f"All test examples are of one class, “{only}”: no other answer can be right."
    unknown = np.flatnonzero((train == 0) & (test > 0))
    if len(unknown):
        yield (
            f"Training has no example of {_listed([names[index] for index in unknown])}, to which "
            f"{test[unknown].sum()} of {test.sum()} test examples belong: they cannot be learned."
        )


def _of_images(dataset: Dataset) -> Iterator[str]:
    sets = {"training": dataset.train, "test": dataset.test}
    checksums = {which: _checksums(examples) for which, examples in sets.items()}
    constant = {which: _constant(examples) for which, examples in sets.items()}
    constant_in = [which for which in sets if constant[which].mean() > _FEW]
    alike_in = [
        which
        for which, sums in checksums.items()
        if which not in constant_in and len(sums) > 1 and (sums == sums[0]).all()
    ]
    if constant_in:
        images = " and ".join(f"{_share(constant[which])} {which} images" for which in constant_in)
        yield _sentence(f"{images} are constant, one value in all pixels: they tell no class.")
    if alike_in:
        where = " and the ".join(alike_in)
        yield f"All images of the {where} set are the same: they tell no class."
    # Constant ones are alike without having been copied.
    known = np.isin(checksums["test"], checksums["training"]) & ~constant["test"]
    if known.mean() > _FEW:
        yield _sentence(
            f"{_share(known)} test images are training images too: they test memory alone."
        )


def _checksums(examples: Examples) -> NDArray[np.uint32]:
    """One for each image; two that differ share one as rarely as once in four billion."""
    return np.fromiter(map(zlib.crc32, examples.images), np.uint32, len(examples))


def _constant(examples: Examples) -> NDArray[np.bool]:
    """Which images have the same value in all pixels; (examples,)."""
    pixels = examples.images.reshape(len(examples), -1)
    # An image of one pixel is not constant in this sense: that pixel is all there is.
    constant: NDArray[np.bool] = (pixels.min(axis=1) == pixels.max(axis=1)) & (pixels.shape[1] > 1)
    return constant


def _share(chosen: NDArray[np.bool]) -> str:
    held = int(chosen.sum())
    return f"all {held}" if held == len(chosen) else f"{held} of {len(chosen)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(names: Sequence[str]) -> str:
    shown = [f"“{name}”" for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        shown.append(f"{len(names) - _MOST_NAMED} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)
