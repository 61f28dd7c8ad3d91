"""A small convolutional network: curves, a picture and predictions of it are recorded."""

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np

import mnist_core
from digits import arguments, load


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, kernel_size=5, stride=2, padding=2)
        self.second = nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1)
        self.out = nn.Linear(16 * 7 * 7, 10)

    def __call__(self, x: mx.array) -> mx.array:
        x = nn.relu(self.first(x))
        x = nn.relu(self.second(x))
        out: mx.array = self.out(x.reshape(len(x), -1))
        return out


def loss_fn(model: Conv, images: mx.array, labels: mx.array) -> mx.array:
    return nn.losses.cross_entropy(model(images), labels, reduction="mean")


def main() -> None:
    args = arguments(__doc__ or "")
    digits = load(args)
    # MLX takes the channels last.
    images, tests = digits.train_images[..., None], digits.test_images[..., None]
    model, optimizer = Conv(), optim.Adam(learning_rate=1e-3)
    step_fn = nn.value_and_grad(model, loss_fn)
    config = {"lr": 1e-3, "optimizer": "adam", "bs": 128}

    with mnist_core.record("conv", config=config) as run:
        step = 0
        for epoch in range(args.epochs):
            order = mx.array(np.random.default_rng(epoch).permutation(len(images)))
            for start in range(0, len(images), 128):
                chosen = order[start : start + 128]
                loss, gradients = step_fn(model, images[chosen], digits.train_labels[chosen])
                optimizer.update(model, gradients)
                mx.eval(model.state, optimizer.state, loss)
                step += 1
                run.log({"train/loss": loss.item()}, step=step)
            logits = model(tests)
            test_loss = nn.losses.cross_entropy(logits, digits.test_labels, reduction="mean")
            accuracy = mx.mean(mx.argmax(logits, axis=1) == digits.test_labels)
            run.log({"test/loss": test_loss, "test/accuracy": accuracy}, step=step)
            run.predictions(np.array(digits.test_labels), np.array(mx.softmax(logits, axis=1)))
            # Of the first layer each kernel, side by side; ink where the weight is positive.
            kernels = np.array(model.first.weight)[..., 0]
            run.image("first kernels", np.hstack([kernel > 0 for kernel in kernels]))
            print(f"epoch {epoch + 1}: test accuracy {accuracy.item():.3f}")


if __name__ == "__main__":
    main()
