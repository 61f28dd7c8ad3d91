"""Answers as the database keeps them: packed into a third of the room, for the same figures.

Predictions, losses and confidences come back to the bit. Logits lose what no figure shows.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mnist_core.network.evaluation import evaluate, margins, probabilities, second_guesses
from mnist_core.store.records import StoredAnswers

Blob = bytes | None

_DECIMALS = (1e2, 1e3)
"""Every probability is shown with two or three decimals, as percent."""
_FINE_DECIMALS = 1e4
"""Confidence, margin and loss are shown with four decimals too."""
_PRECISIONS = (1.6e-4, 8e-5, 4e-5, 2e-5, 1e-5, 5e-6, 2e-6, 4e-7)
"""How far rounding a logit may move a probability. The next, finer one is for the samples of which
a shown figure would be another one."""
_COARSEST = np.float32(4.0)
"""The largest step that a logit is rounded to, where the probability is next to nothing."""
_LEAST = np.float32(-16.0)
"""Below the largest logit of the sample: what is smaller is shown as no other probability."""
_SURE_LOSS = 0.69
"""Less than log 2, in nats. Whatever has a loss below it is predicted right."""
_PART = 1 << 20
"""Logits that are looked at together, so that rounding takes little memory."""


@dataclass(frozen=True, slots=True)
class PackedAnswers:
    """A row of the table `packed_answers`, but for its run and epoch."""

    samples: int
    predictions: bytes
    losses: bytes
    confidences: bytes
    logits: bytes | None

    @property
    def size(self) -> int:
        """In bytes."""
        known = len(self.predictions) + len(self.losses) + len(self.confidences)
        return known + len(self.logits or b"")


def pack_answers(answers: StoredAnswers, most: int) -> PackedAnswers:
    """Pack what was said in an epoch; logits that take more than `most` bytes are left out."""
    logits = answers.logits
    # Packing as many would take minutes, also where they fit then.
    if logits is not None and logits.nbytes > most:
        logits = None
    differences = answers.confidences.view(np.uint16) - _expected(answers.losses)
    packed = PackedAnswers(
        len(answers.predictions),
        _pack(answers.predictions),
        _pack(answers.losses),
        _pack(differences),
        None if logits is None else _pack(rounded_logits(logits, answers.losses)),
    )
    if packed.size > most and packed.logits is not None:
        return PackedAnswers(
            packed.samples, packed.predictions, packed.losses, packed.confidences, None
        )
    return packed


def unpack_answers(
    epoch: int, samples: int, predictions: bytes, losses: bytes, confidences: bytes, logits: Blob
) -> StoredAnswers:
    """The other way round.

    Raises:
        ValueError: something is damaged.
    """
    labels = unpacked(predictions)
    # A class of more than 256 takes two bytes.
    kind = np.uint8 if len(labels) == samples else np.uint16
    half = _unpack(losses, np.float16)
    differences = _unpack(confidences, np.uint16)
    said = _unplaned(labels, kind)
    if not len(said) == len(half) == len(differences) == samples:
        raise ValueError("answers are missing")
    return StoredAnswers(
        epoch,
        said,
        half,
        (differences + _expected(half)).view(np.float16),
        None if logits is None else _unpack(logits, np.float32).reshape(samples, -1),
    )


def rounded_logits(logits: NDArray[np.float32], losses: NDArray[np.float16]) -> NDArray[np.float32]:
    """`logits` (examples, classes) rounded to what takes less room, for the same shown figures.

    Samples with a large loss, so all that are predicted wrong, stay as they are, and so does each
    of which a shown figure or the second guess would be another one. The others are less the
    largest logit of their sample, which changes no probability.
    """
    found = np.empty_like(logits)
    rows = max(1, _PART // max(1, logits.shape[1]))
    for first in range(0, len(logits), rows):
        part = slice(first, first + rows)
        found[part] = _rounded(logits[part], losses[part])
    return found


def _rounded(logits: NDArray[np.float32], losses: NDArray[np.float16]) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):
        found = logits.copy()
        left = np.flatnonzero(losses < _SURE_LOSS)
        shifted = logits - logits.max(axis=1, keepdims=True)
        shares = probabilities(logits)
        figures = _figures(logits)
        for precision in _PRECISIONS:
            if not left.size:
                break
            # d share / d logit = share (1 - share); powers of two leave the last bits zero.
            slopes = shares[left] * (1 - shares[left])
            steps = np.exp2(np.floor(np.log2(precision / slopes))).clip(max=_COARSEST)
            rounded = np.maximum(np.rint(shifted[left] / steps) * steps, _LEAST)
            same = (_figures(rounded) == figures[left]).all(axis=1)
            found[left[same]] = rounded[same]
            left = left[~same]
    return found


def _figures(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """(examples, figures): all that is shown of samples that are predicted right, as numbers."""
    predicted = logits.argmax(axis=1).astype(np.uint16)
    found = evaluate(logits, predicted)
    shares = probabilities(logits).astype(np.float64)
    confidences = found.answers.confidences.astype(np.float64)[:, None]
    fine = np.stack([margins(logits), found.losses], axis=1).astype(np.float64)
    return np.concatenate(
        [
            *(np.rint(shares * decimals) for decimals in _DECIMALS),
            *(np.rint(confidences * decimals) for decimals in (*_DECIMALS, _FINE_DECIMALS)),
            np.rint(fine * _FINE_DECIMALS),
            shares > 0,
            np.stack([predicted, second_guesses(logits)], axis=1),
        ],
        axis=1,
    )


def _expected(losses: NDArray[np.float16]) -> NDArray[np.uint16]:
    """The confidences, as the bits of float16, of samples that are predicted right.

    In float64 no two processors differ by so much that they would round to another float16.
    """
    with np.errstate(all="ignore"):
        confidences = np.exp(-losses.astype(np.float64))
        known = np.where(np.isnan(confidences), 0.0, confidences)
        return known.astype(np.float16).view(np.uint16)


def _pack(array: NDArray[Any]) -> bytes:
    """Compressed, all first bytes of the numbers first: those of a kind are alike."""
    kind = array.dtype.newbyteorder("<")
    planes = np.frombuffer(array.astype(kind).tobytes(), np.uint8).reshape(-1, kind.itemsize)
    # The numbers do not repeat: looking for repetitions takes ten times as long and finds none.
    packer = zlib.compressobj(strategy=zlib.Z_RLE)
    return packer.compress(planes.T.tobytes()) + packer.flush()


def _unpack(data: bytes, kind: DTypeLike) -> NDArray[Any]:
    return _unplaned(unpacked(data), kind)


def unpacked(data: bytes) -> bytes:
    """What zlib packed.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"what was packed is damaged: {error}") from error


def _unplaned(planes: bytes, kind: DTypeLike) -> NDArray[Any]:
    size = np.dtype(kind).itemsize
    numbers = np.ascontiguousarray(np.frombuffer(planes, np.uint8).reshape(size, -1).T)
    return numbers.reshape(-1).view(np.dtype(kind).newbyteorder("<")).astype(kind, copy=False)
