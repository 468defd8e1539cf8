"""What an optimizer holds: options, step count, learning rate, and the state of its variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import torch

from tkeras import initializers
from tkeras.config import epsilon as default_epsilon
from tkeras.config import floatx, torch_dtype
from tkeras.graph import Variable, auto_name, name_scope
from tkeras.optimizers._group import Group, Rate
from tkeras.optimizers._options import DEFAULTS, Options
from tkeras.optimizers.schedules import LearningRateSchedule, NumericSchedule


class OptimizerState:
    """Options, step count, learning rate and slots.

    Args:
        learning_rate: a number, a schedule, or a function without arguments.
        options: see :class:`Options`.
    """

    def __init__(self, learning_rate: Any, **options: Unpack[Options]):
        known = {*DEFAULTS, "name", "lr", "decay"}
        unknown = {key: value for key, value in options.items() if key not in known}
        if unknown:
            raise ValueError(f"Argument(s) not recognized: {unknown}")
        given = options.get("lr")
        learning_rate = learning_rate if given is None else given
        self.name = options.get("name") or auto_name(type(self).__name__)
        for key, default in DEFAULTS.items():
            setattr(self, key, options.get(key, default))
        self._decay = float(options.get("decay") or 0.0)
        self._check_options()
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._index: dict[int, int] = {}
        self._slots: dict[str, list[Variable]] = {}
        self._count, self._count_version = 0, -1
        self._iterations = self._track(torch.zeros((), dtype=torch.int32, device="cpu"), "iteration")
        self._learning_rate = self._take_learning_rate(learning_rate)

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None

    def _check_options(self) -> None:
        steps, frequency = self.gradient_accumulation_steps, self.ema_overwrite_frequency
        if steps is not None and not steps >= 2:
            raise ValueError(
                "`gradient_accumulation_steps` must be an integer >= 2. "
                f"Received: gradient_accumulation_steps={steps}"
            )
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise ValueError(
                f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={self.ema_momentum}"
            )
        if self.use_ema and frequency and (not isinstance(frequency, int) or frequency < 1):
            raise ValueError(
                "`ema_overwrite_frequency` must be an integer >= 1 or None. "
                f"Received: ema_overwrite_frequency={frequency}"
            )
        clips = (self.clipnorm, self.clipvalue, self.global_clipnorm)
        if sum(clip is not None for clip in clips) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clips[0]}, clipvalue={clips[1]}, global_clipnorm={clips[2]}"
            )

    def _track(self, value: torch.Tensor, name: str) -> Variable:
        with name_scope(self.name):
            variable = Variable(value, trainable=False, name=name)
        self._variables.append(variable)
        return variable

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A state variable of the optimizer."""
        value = initializers.get(initializer)(tuple(shape), dtype=dtype)
        return self._track(value, name or auto_name("variable"))

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A state variable of the shape, dtype and device of ``reference_variable``."""
        path = getattr(reference_variable, "path", None) or str(
            getattr(reference_variable, "name", "variable")
        )
        label = f"{path.replace('/', '_').replace(':', '_')}_{name or 'var'}"
        if initializer == "zeros":
            return self._track(torch.zeros_like(reference_variable, requires_grad=False).detach(), label)
        shape, dtype = tuple(reference_variable.shape), reference_variable.dtype
        return self._track(
            initializers.get(initializer)(shape, dtype=dtype).to(reference_variable.device), label
        )

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Any], name: str | Sequence[str], initializer: Any = "zeros"
    ) -> Any:
        """A list with a state variable for each variable; for several names a tuple of such lists."""
        names = [name] if isinstance(name, str) else list(name)
        kinds = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(names) != len(kinds):
            raise ValueError(
                "The number of provided names must match the number of provided initializers. "
                f"Received name='{name}', initializer='{initializer}'"
            )
        made: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for label, kind, found in zip(names, kinds, made, strict=True):
                found.append(self.add_variable_from_reference(variable, label, kind))
        return made[0] if isinstance(name, str) else made

    def _add_slots(self, names: str | Sequence[str], initializer: Any = "zeros") -> None:
        """State that :attr:`Group.state` gives by name, for each trainable variable in turn."""
        names = [names] if isinstance(names, str) else names
        made = self.add_optimizer_variables(self._trainable_variables, names, initializer)
        self._slots.update(zip(names, made, strict=True))

    def build(self, var_list: Sequence[Any]) -> None:
        """Create the state for these variables."""
        if self.built:
            return
        self._trainable_variables = list(var_list)
        self._index = {id(variable): i for i, variable in enumerate(var_list)}
        if self.use_ema:
            self._add_slots("average")
        if self.gradient_accumulation_steps:
            self._add_slots("gradient_accumulator")
        self._create_slots()
        self.built = True

    def _create_slots(self) -> None:
        """Hook: add the slots of the update rule."""

    @property
    def variables(self) -> list[Variable]:
        """The state: step count, learning rate, then what :meth:`build` made."""
        return list(self._variables)

    def _get_variable_index(self, variable: Any) -> int:
        return self._index[id(variable)]

    def _take_learning_rate(self, value: Any) -> Any:
        if isinstance(value, LearningRateSchedule) or (
            callable(value) and not isinstance(value, torch.Tensor)
        ):
            return value
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a "
                "callable (that takes in the current iteration value and returns the corresponding learning "
                f"rate value). Received instead: learning_rate={value}"
            ) from None
        return self._track(torch.tensor(number, dtype=torch_dtype(floatx()), device="cpu"), "learning_rate")

    @property
    def learning_rate(self) -> Any:
        """The variable that holds it, or the present value of the schedule or function; can be set."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self._iterations)
        if callable(rate) and not isinstance(rate, torch.Tensor):
            return rate()
        if self._decay:
            return rate / (1.0 + self._decay * self._iterations)
        return rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        old = self._learning_rate
        if isinstance(value, LearningRateSchedule) or (
            callable(value) and not isinstance(value, torch.Tensor)
        ):
            if isinstance(old, Variable):
                self._variables = [variable for variable in self._variables if variable is not old]
            self._learning_rate = value
        elif isinstance(old, Variable):
            old.assign(value if isinstance(value, torch.Tensor) else float(value))
        elif isinstance(old, LearningRateSchedule):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` "
                "constructor argument, hence its learning rate is not settable. If you need the learning "
                "rate to be settable, you should instantiate the optimizer with a float `learning_rate`."
            )
        else:
            self._learning_rate = self._take_learning_rate(value)

    lr = learning_rate

    @property
    def iterations(self) -> Any:
        """Number of updates done."""
        steps = self.gradient_accumulation_steps
        return torch.div(self._iterations, steps, rounding_mode="floor") if steps else self._iterations

    def _calls(self) -> int:
        """Number of batches seen; read from a GPU only after somebody else changed it."""
        if self._iterations.is_cpu:
            return self._iterations.item()  # pyright: ignore[reportReturnType]
        if self._iterations._version != self._count_version:
            self._count, self._count_version = int(self._iterations), self._iterations._version
        return self._count

    def _next_step(self, group: Group) -> Any:
        """1 at the first update: an int on a CPU, a float tensor elsewhere."""
        steps = self.gradient_accumulation_steps or 1
        if group.on_cpu:
            return self._calls() // steps + 1
        return torch.div(self._iterations, steps, rounding_mode="floor").float() + 1

    def _rate(self, group: Group) -> Rate:
        """The learning rate now: a float on a CPU, a scalar tensor elsewhere."""
        rate = self._learning_rate
        if group.on_cpu and isinstance(rate, Variable):
            value = rate.item()
            return value / (1.0 + self._decay * self._calls()) if self._decay else value
        if isinstance(rate, NumericSchedule) and group.on_cpu:
            return rate.value(self._calls())
        value = self.learning_rate
        return float(value) if group.on_cpu else torch.as_tensor(value, device=group.device)


def fuzz(epsilon: float | None) -> float:
    """``epsilon``, or the fuzz factor for Keras 2's None."""
    return default_epsilon() if epsilon is None else epsilon
