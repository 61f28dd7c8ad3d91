"""The loop of the MLX documentation's "Multi-Layer Perceptron", with three lines added.

They are marked with `# added`, and need an import.
"""

from collections.abc import Iterator

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np

import mnist_core
from digits import arguments, load


class MLP(nn.Module):
    def __init__(self, num_layers: int, input_dim: int, hidden_dim: int, output_dim: int) -> None:
        super().__init__()
        layer_sizes = [input_dim] + [hidden_dim] * num_layers + [output_dim]
        self.layers = [
            nn.Linear(idim, odim)
            for idim, odim in zip(layer_sizes[:-1], layer_sizes[1:], strict=True)
        ]

    def __call__(self, x: mx.array) -> mx.array:
        for layer in self.layers[:-1]:
            x = mx.maximum(layer(x), 0.0)
        out: mx.array = self.layers[-1](x)
        return out


def loss_fn(model: MLP, X: mx.array, y: mx.array) -> mx.array:
    return mx.mean(nn.losses.cross_entropy(model(X), y))


def eval_fn(model: MLP, X: mx.array, y: mx.array) -> mx.array:
    return mx.mean(mx.argmax(model(X), axis=1) == y)


def batch_iterate(
    batch_size: int, X: mx.array, y: mx.array
) -> Iterator[tuple[mx.array, mx.array]]:  # fmt: skip
    perm = mx.array(np.random.permutation(y.size))
    for s in range(0, y.size, batch_size):
        ids = perm[s : s + batch_size]
        yield X[ids], y[ids]


def main() -> None:
    args = arguments(__doc__ or "")
    digits = load(args)
    train_images = digits.train_images.reshape(len(digits.train_images), -1)
    test_images = digits.test_images.reshape(len(digits.test_images), -1)

    num_layers, hidden_dim, num_classes = 2, 32, 10
    batch_size, num_epochs, learning_rate = 256, args.epochs, 1e-1

    model = MLP(num_layers, train_images.shape[-1], hidden_dim, num_classes)
    mx.eval(model.parameters())
    loss_and_grad_fn = nn.value_and_grad(model, loss_fn)
    optimizer = optim.SGD(learning_rate=learning_rate)

    run = mnist_core.record("mlx docs", config={"lr": learning_rate, "bs": batch_size})  # added
    for e in range(num_epochs):
        for X, y in batch_iterate(batch_size, train_images, digits.train_labels):
            loss, grads = loss_and_grad_fn(model, X, y)
            optimizer.update(model, grads)
            mx.eval(model.parameters(), optimizer.state)
            run.log({"train/loss": loss})  # added
        accuracy = eval_fn(model, test_images, digits.test_labels)
        run.log({"test/accuracy": accuracy})  # added
        print(f"Epoch {e}: Test accuracy {accuracy.item():.3f}")


if __name__ == "__main__":
    main()
