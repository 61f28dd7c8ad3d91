"""Labels that a model disbelieves: confident learning, in NumPy.

The formulas are those of Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty
in Dataset Labels", Journal of Artificial Intelligence Research 70, 2021. They take probabilities of
a model that was not trained on the examples. What they find is worth a look; it may well be right.
"""

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.mistakes import Labels


def self_confidences(shares: NDArray[np.float32], labels: Labels) -> NDArray[np.float32]:
    """(examples,) p(label; x), the probability of the label: 0 disbelieved, 1 believed.

    `shares` (examples, classes) are softmax probabilities; NaN where those are. Northcutt et al.,
    section 2, where i is the label of x: p(y = i; x).
    """
    return shares[np.arange(len(labels)), labels]


def normalised_margins(shares: NDArray[np.float32], labels: Labels) -> NDArray[np.float32]:
    """(examples,) p(label; x) - max over j != label of p(j; x): -1 disbelieved, 1 believed.

    `shares` (examples, classes) are softmax probabilities; NaN where those are. Northcutt et al.,
    section 3.2, "Rank and prune". With one class there is no other, and it is the self-confidence.
    """
    rivals = shares.copy()
    rivals[np.arange(len(labels)), labels] = -np.inf
    highest = rivals.max(axis=1, initial=-np.inf)
    return self_confidences(shares, labels) - np.where(np.isneginf(highest), 0, highest)


def suspect(shares: NDArray[np.float32], labels: Labels) -> NDArray[np.bool_]:
    """(examples,) whether an example is off the diagonal of the confident joint.

    Class j is believed of x where p(j; x) >= t_j, the mean self-confidence of the examples that are
    labelled j; of several such classes, the one with the largest p. The example is suspect where
    one is believed, and it is not the label (Northcutt et al., equations 1 and 2). None is where
    probabilities are NaN.

    Args:
        shares: (examples, classes), softmax probabilities.
        labels: (examples,).
    """
    classes = shares.shape[1]
    found = self_confidences(shares, labels).astype(np.float64)
    known = np.isfinite(found)
    counts = np.bincount(labels[known], minlength=classes)
    sums = np.bincount(labels[known], found[known], minlength=classes)
    # A class that nothing is labelled as has no mean, and nothing is believed to be of it.
    thresholds = np.full(classes, np.inf)
    np.divide(sums, counts, out=thresholds, where=counts > 0)
    believed = np.where(shares >= thresholds, shares, -1)
    return np.asarray((believed.max(axis=1) >= 0) & (believed.argmax(axis=1) != labels))
