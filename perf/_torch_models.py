"""The models of ``perf._models`` in plain torch: the same arithmetic, with as many trainable parameters.

Images are channels-last, as in Keras: torch sees the same memory with its channels first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from perf._models import CLASSES, drawn


class LSTM(nn.LSTM):
    """With one bias, as in Keras: torch's second one stays zero."""

    def __init__(self, inputs: int, units: int):
        super().__init__(inputs, units, batch_first=True)
        second = self.get_parameter("bias_hh_l0")
        nn.init.zeros_(second).requires_grad_(False)


def _last(memory: nn.Module, sequence: Tensor) -> Tensor:
    return memory(sequence)[0][:, -1]


def mlp() -> nn.Module:
    """784-64-64-10."""
    hidden = [nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(64, CLASSES), nn.Softmax(-1))


class Autoencoder(nn.Module):
    """Convolutions from 28×28 to 16 numbers and back."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(3),
            nn.Conv2d(32, 32, 3), nn.ReLU(), nn.Conv2d(32, 16, 3), nn.ReLU(),
        )  # fmt: skip
        self.up = nn.Sequential(
            nn.ConvTranspose2d(1, 16, 3), nn.ReLU(), nn.ConvTranspose2d(16, 32, 3), nn.ReLU(),
            nn.Upsample(scale_factor=3),
            nn.ConvTranspose2d(32, 16, 3), nn.ReLU(), nn.ConvTranspose2d(16, 1, 3), nn.ReLU(),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        code = self.down(images.permute(0, 3, 1, 2)).amax((2, 3))
        return self.up(code.view(-1, 1, 4, 4)).permute(0, 2, 3, 1)


class ToyResNet(nn.Module):
    """Two residual blocks on 32×32 images."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Sequential(
            nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(3)
        )
        self.inside = nn.ModuleList(nn.Conv2d(64, 64, 3, padding=1) for _ in range(4))
        self.end = nn.Conv2d(64, 64, 3)
        self.top = nn.Sequential(
            nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, CLASSES), nn.Softmax(-1)
        )

    def forward(self, images: Tensor) -> Tensor:
        x = self.start(images.permute(0, 3, 1, 2))
        for first in (0, 2):
            x = x + torch.relu(self.inside[first + 1](torch.relu(self.inside[first](x))))
        return self.top(torch.relu(self.end(x)).mean((2, 3)))


class Headline(nn.Module):
    """A headline and five numbers; a main and an auxiliary prediction."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.memory = nn.Embedding(10_000, 512), LSTM(512, 32)
        hidden = [nn.Linear(37, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
        self.main = nn.Sequential(*hidden, nn.Linear(64, 1), nn.Sigmoid())
        self.side = nn.Sequential(nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, words: Tensor, more: Tensor) -> tuple[Tensor, Tensor]:
        memory = _last(self.memory, self.words(words))
        return self.main(torch.cat([memory, more], -1)), self.side(memory)


class Ticket(nn.Module):
    """Title, body and tags of a ticket; its priority and department."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(10_000, 64) for _ in range(2))
        self.memories = nn.ModuleList(LSTM(64, units) for units in (128, 32))
        self.priority = nn.Sequential(nn.Linear(172, 1), nn.Sigmoid())
        self.department = nn.Sequential(nn.Linear(172, 4), nn.Softmax(-1))

    def forward(self, title: Tensor, body: Tensor, tags: Tensor) -> tuple[Tensor, Tensor]:
        parts = zip(self.words, self.memories, (title, body), strict=True)
        x = torch.cat([*(_last(memory, words(text)) for words, memory, text in parts), tags], -1)
        return self.priority(x), self.department(x)


class Siamese(nn.Module):
    """One LSTM shared by two tweets."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.top = LSTM(256, 64), nn.Linear(128, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.sigmoid(self.top(torch.cat([_last(self.shared, x) for x in (a, b)], -1)))


class CharLSTM(nn.Module):
    """The next of ten signs at each of 64 places."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.memory, self.top = nn.Embedding(CLASSES, 64), LSTM(64, 256), nn.Linear(256, CLASSES)

    def forward(self, signs: Tensor) -> Tensor:
        return self.top(self.memory(self.words(signs))[0]).softmax(-1)


def _normed(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, eps=1.001e-5, momentum=0.01))


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = 4 * width
        self.shortcut = nn.Identity() if inputs == outputs else _normed(inputs, outputs, 1, stride)
        self.inside = nn.Sequential(
            _normed(inputs, width, 1, stride), nn.ReLU(inplace=True), _normed(width, width, 3),
            nn.ReLU(inplace=True), _normed(width, outputs, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.inside(x), inplace=True)


class ResNet50(nn.Module):
    """Residual networks (arXiv:1512.03385) with the biases and the epsilon of Keras' ResNet50."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Sequential(_normed(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1))
        blocks, inputs = [], 64
        for stage, depth in enumerate((3, 4, 6, 3)):
            width = 64 << stage
            for block in range(depth):
                blocks.append(_Bottleneck(inputs, width, 2 if stage and not block else 1))
                inputs = 4 * width
        self.blocks = nn.Sequential(*blocks)
        self.top = nn.Linear(inputs, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = self.blocks(self.start(images.permute(0, 3, 1, 2)))
        return self.top(x.mean((2, 3))).softmax(-1)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": mlp, "autoencoder": Autoencoder, "toy_resnet": ToyResNet, "headline": Headline, "ticket": Ticket,
    "siamese": Siamese, "resnet50": ResNet50, "char_lstm": CharLSTM,
}  # fmt: skip


@functools.singledispatch
def weights(module: nn.Module) -> list[Tensor]:
    """Views of the weights of one layer, in the order and the shapes of Keras'; none of what has none."""
    return []


@weights.register
def _(module: nn.Linear) -> list[Tensor]:
    return [module.weight.T, module.bias]


@weights.register(nn.Conv2d)
@weights.register(nn.ConvTranspose2d)
def _(module: nn.Conv2d | nn.ConvTranspose2d) -> list[Tensor]:
    assert module.bias is not None
    return [module.weight.permute(2, 3, 1, 0), module.bias]


@weights.register
def _(module: nn.BatchNorm2d) -> list[Tensor]:
    assert module.running_mean is not None
    assert module.running_var is not None
    return [module.weight, module.bias, module.running_mean, module.running_var]


@weights.register
def _(module: nn.Embedding) -> list[Tensor]:
    return [module.weight]


@weights.register
def _(module: LSTM) -> list[Tensor]:
    own = {name.split("_l0")[0]: parameter for name, parameter in module.named_parameters()}
    return [own["weight_ih"].T, own["weight_hh"].T, own["bias_ih"]]


def layers(model: nn.Module) -> Iterator[list[Tensor]]:
    """The weights of each layer that has some, detached."""
    for module in model.modules():
        found = weights(module)
        if found:
            yield [view.detach() for view in found]


def initialise(model: nn.Module) -> None:
    """Give the model the weights that ``perf._models.initialise`` gives to that of a Keras."""
    for module in model.modules():
        for view in weights(module):
            if view.ndim > 1:
                view.detach().copy_(torch.from_numpy(drawn(tuple(view.shape))))
            elif isinstance(module, LSTM | nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                view.detach().zero_()
        if isinstance(module, LSTM):
            forget = slice(module.hidden_size, 2 * module.hidden_size)
            weights(module)[-1].detach()[forget] = 1.0
