"""The digits that the examples train on: those of a folder of IDX files, else drawn ones."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx
import numpy as np

from mnist_core.data.folder import read_folder
from mnist_core.data.synthetic import draw_digits


@dataclass
class Digits:
    """Images (samples, 28, 28) from 0 to 1, and the class of each."""

    train_images: mx.array
    train_labels: mx.array
    test_images: mx.array
    test_labels: mx.array


def arguments(about: str) -> argparse.Namespace:
    """What may follow the name of an example."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", metavar="FOLDER", help="IDX files; drawn digits without it")
    parser.add_argument("--samples", type=int, default=10_000, help="drawn for training")
    parser.add_argument("--epochs", type=int, default=10)
    return parser.parse_args()


def load(args: argparse.Namespace) -> Digits:
    if args.data:
        data = read_folder(Path(args.data))
        found = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    else:
        train, test = np.arange(args.samples) % 10, np.arange(args.samples // 5) % 10
        found = (draw_digits(train, 1), train, draw_digits(test, 2), test)
    train_images, train_labels, test_images, test_labels = found
    return Digits(
        mx.array(train_images.astype(np.float32) / 255),
        mx.array(train_labels.astype(np.uint32)),
        mx.array(test_images.astype(np.float32) / 255),
        mx.array(test_labels.astype(np.uint32)),
    )
