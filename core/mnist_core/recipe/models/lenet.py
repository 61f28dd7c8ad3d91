"""LeNet-5's shape (LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998).

As it is usual now: max pooling without weights, all maps joined to all, softmax at the end. With
hidden layers of 120 and 84 units it has 61 706 parameters.
"""

from mnist_core.recipe.models.model import Convolution, Model

LENET = Model((Convolution(6, kernel=5, padding=2), Convolution(16, kernel=5, padding=0)))
