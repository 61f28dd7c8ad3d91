"""PyTorch in its usual form, with the whole data set resident on its device as tensors."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mnist_core.benchmark.engines.engine import LoopEngine, thread_count
from mnist_core.benchmark.engines.torch_accelerator import TorchDevice, device_name, synchronize
from mnist_core.benchmark.problem import Problem


class TorchEngine(LoopEngine):
    """Trains a problem with autograd."""

    def __init__(self, problem: Problem, threads: int, device: TorchDevice = "cpu") -> None:
        """`threads` are those of the CPU, whatever the device."""
        torch.set_num_threads(threads)
        super().__init__(problem)
        self._device: TorchDevice = device
        train = problem.split.train
        self._images = torch.from_numpy(problem.inputs(train.images)).to(device)
        self._labels = torch.from_numpy(train.labels.astype(np.int64)).to(device)
        self._start()

    @property
    def description(self) -> str:
        where = f"PyTorch {torch.__version__} on the {device_name(self._device)}"
        if self._device != "cpu":
            return where
        return f"{where}, {thread_count(torch.get_num_threads())}"

    @property
    def parameters(self) -> list[NDArray[np.float32]]:
        arrays = [array.detach().cpu().numpy() for array in self._model.parameters()]
        return [array.reshape(len(array), -1).T if array.ndim > 1 else array for array in arrays]

    def _start(self) -> None:
        recipe = self._problem.hyperparameters
        activation = nn.ReLU if recipe.activation == "relu" else nn.Sigmoid
        shape = self._problem.shape
        filters = [
            nn.Conv2d(each.inputs, *each.convolution[:2], padding=each.convolution.padding)
            for each in shape.convolutions
        ]
        dense = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(shape.sizes)]
        parameters = self._problem.initial_parameters()
        with torch.no_grad():
            layers = [*filters, *dense]
            for layer, weight, bias in zip(layers, parameters[::2], parameters[1::2], strict=True):
                layer.weight.copy_(torch.from_numpy(weight.T).reshape(layer.weight.shape))
                layer.bias.copy_(torch.from_numpy(bias))
        hidden: list[nn.Module] = []
        if filters:
            first = shape.convolutions[0]
            hidden.append(nn.Unflatten(1, (first.inputs, first.height, first.width)))
            for convolution in filters:
                hidden += [convolution, nn.MaxPool2d(2), activation()]
            hidden.append(nn.Flatten())
        hidden += [layer for linear in dense[:-1] for layer in (linear, activation())]
        self._model = nn.Sequential(*hidden, dense[-1]).to(self._device)
        self._optimizer = torch.optim.SGD(
            self._model.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )

    def _logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits = self._model(torch.from_numpy(inputs).to(self._device))
        return np.asarray(logits.cpu())

    def _synchronize(self) -> None:
        synchronize(self._device)

    def _batches(self, epoch: int) -> Iterator[tuple[int, float, int]]:
        criterion = nn.CrossEntropyLoss()
        order = torch.from_numpy(self._problem.order(epoch)).to(self._device)
        batches = order.split(self._problem.hyperparameters.batch_size)
        for batch, rows in enumerate(batches):
            for group in self._optimizer.param_groups:
                group["lr"] = self._problem.learning_rate(epoch, batch)
            images, labels = self._images[rows], self._labels[rows]
            self._optimizer.zero_grad()
            logits = self._model(images)
            loss = criterion(logits, labels)
            loss.backward()
            self._optimizer.step()
            right = (logits.argmax(dim=1) == labels).sum()  # asked for before anything is read
            yield len(rows), loss.item(), int(right.item())
