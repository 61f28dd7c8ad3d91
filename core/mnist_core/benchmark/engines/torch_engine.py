"""PyTorch in its usual form, with the whole data set resident on its device as tensors."""

import time
from collections.abc import Iterator
from itertools import count, islice, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mnist_core.benchmark.engines.engine import WARM_UP_BATCHES, EpochTrained, thread_count
from mnist_core.benchmark.engines.torch_accelerator import TorchDevice, device_name, synchronize
from mnist_core.benchmark.problem import Problem
from mnist_core.network.evaluation import evaluate


class TorchEngine:
    """Trains a problem with autograd; loss and accuracy of every batch are read, as ours are."""

    def __init__(self, problem: Problem, threads: int, device: TorchDevice = "cpu") -> None:
        """`threads` are those of the CPU, whatever the device."""
        torch.set_num_threads(threads)
        self._problem = problem
        self._device: TorchDevice = device
        train = problem.split.train
        self._images = torch.from_numpy(problem.inputs(train.images)).to(device)
        self._labels = torch.from_numpy(train.labels.astype(np.int64)).to(device)
        self._epoch = 0
        self._start()

    @property
    def description(self) -> str:
        where = f"PyTorch {torch.__version__} on the {device_name(self._device)}"
        if self._device != "cpu":
            return where
        return f"{where}, {thread_count(torch.get_num_threads())}"

    def warm_up(self) -> None:
        self._train(1, WARM_UP_BATCHES)
        self._start()

    def train_epoch(self) -> EpochTrained:
        self._epoch += 1
        # An accelerator works on while Python goes on: the clock waits for it at both ends.
        synchronize(self._device)
        began = time.perf_counter()
        train_loss, train_accuracy = self._train(self._epoch)
        synchronize(self._device)
        seconds = time.perf_counter() - began
        test = self._problem.split.test
        with torch.inference_mode():
            inputs = torch.from_numpy(self._problem.inputs(test.images)).to(self._device)
            logits = self._model(inputs)
        evaluation = evaluate(logits.cpu().numpy(), test.labels)
        return EpochTrained(
            epoch=self._epoch,
            examples=len(self._labels),
            seconds=seconds,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            test_loss=evaluation.loss,
            test_accuracy=evaluation.accuracy,
        )

    def batch_losses(self) -> Iterator[float]:
        """Train from the start, batch after batch without end, telling the mean loss of each."""
        self._start()
        for epoch in count(1):
            for _, loss, _ in self._batches(epoch):
                yield loss

    @property
    def parameters(self) -> list[NDArray[np.float32]]:
        """Weight (inputs, outputs) and bias (outputs,) of each layer as they are now."""
        return [array.detach().cpu().numpy().T for array in self._model.parameters()]

    def _start(self) -> None:
        recipe = self._problem.hyperparameters
        activation = nn.ReLU if recipe.activation == "relu" else nn.Sigmoid
        dense = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(self._problem.sizes)]
        parameters = self._problem.initial_parameters()
        with torch.no_grad():
            for layer, weight, bias in zip(dense, parameters[::2], parameters[1::2], strict=True):
                layer.weight.copy_(torch.from_numpy(weight.T))
                layer.bias.copy_(torch.from_numpy(bias))
        hidden = [layer for linear in dense[:-1] for layer in (linear, activation())]
        self._model = nn.Sequential(*hidden, dense[-1]).to(self._device)
        self._optimizer = torch.optim.SGD(
            self._model.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )

    def _train(self, epoch: int, batches: int | None = None) -> tuple[float, float]:
        """Train on the first `batches` of an epoch, or on all; their mean loss and accuracy."""
        examples, loss_sum, right = 0, 0.0, 0
        for batch, loss, correct in islice(self._batches(epoch), batches):
            examples += batch
            loss_sum += loss * batch
            right += correct
        return loss_sum / examples, right / examples

    def _batches(self, epoch: int) -> Iterator[tuple[int, float, int]]:
        """Train on each batch of an epoch; how many examples, their mean loss, how many right."""
        criterion = nn.CrossEntropyLoss()
        order = torch.from_numpy(self._problem.order(epoch)).to(self._device)
        for rows in order.split(self._problem.hyperparameters.batch_size):
            images, labels = self._images[rows], self._labels[rows]
            self._optimizer.zero_grad()
            logits = self._model(images)
            loss = criterion(logits, labels)
            loss.backward()
            self._optimizer.step()
            right = (logits.argmax(dim=1) == labels).sum()  # asked for before anything is read
            yield len(rows), loss.item(), int(right.item())
