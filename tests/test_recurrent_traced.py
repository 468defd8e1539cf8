"""A user's own cell in `RNN`: on the scan kernels where its step can be traced, with a reason where not."""

import pytest
import torch

import tkeras
from tkeras import layers, ops
from tkeras_kernels import runtime

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter runs these")


class Own(layers.Layer):
    """h = 0.5 tanh(x W + h U + b) + 0.5 h, as in the documentation of Keras."""

    states = 1

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units if self.states == 1 else [units] * self.states

    def build(self, input_shape):
        u = self.units
        self.kernel = self.add_weight((input_shape[-1], u), "glorot_uniform", name="kernel")
        self.recurrent = self.add_weight((u, u), "glorot_uniform", name="recurrent")
        self.bias = self.add_weight((u,), "glorot_uniform", name="bias")

    def call(self, inputs, states):
        h = states[0]
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent) + self.bias
        h = 0.5 * ops.tanh(z) + 0.5 * h
        return h, [h]


class Peephole(Own):
    """LSTM whose gates see c, one product of both operands, an output of its own."""

    states = 2

    def build(self, input_shape):
        u = self.units
        self.kernel = self.add_weight((input_shape[-1] + u, 4 * u), "glorot_uniform", name="kernel")
        self.peep = self.add_weight((3, u), "glorot_uniform", name="peep")
        self.bias = self.add_weight((4 * u,), "glorot_uniform", name="bias")

    def call(self, inputs, states):
        h, c = states
        z = ops.concatenate([inputs, h], axis=-1) @ self.kernel + self.bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        i, f = ops.sigmoid(i + self.peep[0] * c), ops.sigmoid(f + self.peep[1] * c)
        c = f * c + i * ops.relu(g)
        h = ops.sigmoid(o + self.peep[2] * c) * ops.tanh(c)
        return 2.0 * h, [h, c]


class Layered(Own):
    """A GRU of `Dense` layers: the second product takes what the first gives; the state is no list."""

    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.gates, self.candidate = (layers.Dense(n * units, dtype=self.dtype_policy) for n in (2, 1))

    def build(self, input_shape):
        for layer in (self.gates, self.candidate):
            layer.build((None, input_shape[-1] + self.units))

    def call(self, inputs, states):
        h = states[0]
        gates = ops.sigmoid(self.gates(ops.concatenate([inputs, h], -1)))
        z, r = gates[:, : self.units], gates[:, self.units :]
        new = ops.tanh(self.candidate(ops.concatenate([inputs, r * h], -1)))
        h = (1 - z) * h + z * new
        return h, h


class Elementwise(Own):
    """No product with the state; the input is used twice."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 2 * self.units), "glorot_uniform", name="kernel")

    def call(self, inputs, states):
        z = ops.matmul(inputs, self.kernel)
        f = ops.sigmoid(z[:, : self.units])
        h = f * states[0] + (1 - f) * ops.softplus(z[:, self.units :])
        return h, [h]


def both(kind, x, mask, **options):
    """Outputs and gradients in float64 from the loop, in float32 from the kernels, and the report."""
    exact = layers.RNN(kind(6, dtype="float64"), return_sequences=True, dtype="float64", **options)
    ours = layers.RNN(kind(6), return_sequences=True, **options)
    for layer in (exact, ours):
        layer.build(tuple(x.shape))
    ours.set_weights(exact.get_weights())
    wanted = exact(x.double(), mask=mask)
    seed = torch.randn_like(wanted)
    truth = [wanted, *torch.autograd.grad(wanted, exact.trainable_variables, seed)]
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        y = ours(x, mask=mask)
        found = [y, *torch.autograd.grad(y, ours.trainable_variables, seed.float())]
    return truth, found, [r for r in runtime.report() if r.operator == "scan"]


@pytest.mark.parametrize("kind", [Own, Peephole, Layered, Elementwise])
@pytest.mark.parametrize("masked", [True, False])
def test_traced_cells(kind, masked):
    x = torch.randn(3, 5, 4)
    mask = torch.rand(3, 5) > 0.3 if masked else None
    truth, found, (record,) = both(kind, x, mask, go_backwards=masked, zero_output_for_mask=masked)
    assert (record.implementation, record.count, record.failures) == ("interpret", 1, 0)
    for ours, theirs in zip(found, truth, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=2e-6)


def test_a_python_value_that_changes_is_seen():
    class Scaled(Own):
        scale = 1.0

        def call(self, inputs, states):
            y, _ = super().call(inputs, states)
            return self.scale * y, [self.scale * y]

    rnn, x = layers.RNN(Scaled(3)), torch.randn(2, 3, 4)
    rnn(x)
    for scale in (0.5, 2.0):
        rnn.cell.scale = scale
        with runtime.backend_scope("interpret"):
            ours = rnn(x)
        torch.testing.assert_close(ours, rnn(x), rtol=1e-5, atol=1e-6)


def test_in_a_program_too():
    inputs = tkeras.Input((4, 5))
    model = tkeras.Model(inputs, layers.RNN(Layered(3))(inputs))
    model.compile("sgd", "mse", jit_compile=True)
    with runtime.backend_scope("interpret"):
        names = [op.name for op in model.explain().after.ops]
    assert names.count("scan") == 1
    assert "map" not in names


def test_initial_and_last_states():
    rnn, x = layers.RNN(Peephole(3), return_state=True), torch.randn(2, 3, 4)
    starts = [torch.randn(2, 3), torch.randn(2, 3)]
    expected = rnn(x, initial_state=starts)
    with runtime.backend_scope("interpret"):
        found = rnn(x, initial_state=starts)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


VOCABULARY = {
    "dot": lambda x, h: ops.dot(h, torch.full((6, 6), 0.1)) + x,
    "selu": lambda x, h: tkeras.activations.selu(x - h),
    "elu": lambda x, h: tkeras.activations.elu(x - h, alpha=0.5),
    "celu": lambda x, h: torch.celu(x - h, 0.7),
    "gelu": lambda x, h: tkeras.activations.gelu(x, approximate=True) - tkeras.activations.gelu(h),
    "softplus": lambda x, h: torch.nn.functional.softplus(x - h, beta=2.0),
    "alpha": lambda x, h: torch.add(x, h, alpha=-0.5),
    "rsub": lambda x, h: torch.rsub(h, x) / (1.0 + ops.square(h)),
    "where": lambda x, h: ops.where(h > 0.1, x, -0.5 * h),
    "clip": lambda x, h: ops.clip(x, -0.5, 0.5) + torch.clamp(h, max=0.2),
    "lerp": lambda x, h: torch.lerp(h, x, 0.3),
    "pow": lambda x, h: ops.exp(-(x**2)) * h**3 - ops.power(2.0, h),
    "softmax of inputs": lambda x, h: ops.softmax(x) - 0.5 * h,
    "norm of inputs": lambda x, h: torch.nn.functional.layer_norm(x, (6,)) - 0.5 * h,
}


@pytest.mark.parametrize("name", VOCABULARY)
def test_what_steps_are_made_of(name):
    class Cell(Own):
        def call(self, inputs, states):
            h = VOCABULARY[name](inputs @ self.kernel, states[0])
            return h, [h]

    rnn, x = layers.RNN(Cell(6)), torch.randn(3, 4, 5)
    expected = rnn(x)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        found = rnn(x)
    (record,) = [r for r in runtime.report() if r.operator == "scan"]
    assert (record.implementation, record.failures) == ("interpret", 0), record
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)


def test_a_trace_that_is_wrong_is_not_used(monkeypatch):
    """Each structure is held against torch's operators once."""
    from tkeras_kernels.expr import _torch_calls

    monkeypatch.setitem(_torch_calls._HANDLERS, "atan", lambda x: x)

    class Cell(Own):
        def call(self, inputs, states):
            h = torch.atan(inputs @ self.kernel - states[0])
            return h, [h]

    rnn, x = layers.RNN(Cell(6)), torch.randn(3, 4, 5)
    expected = rnn(x)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        torch.testing.assert_close(rnn(x), expected)
    (record,) = [r for r in runtime.report() if r.operator == "scan"]
    assert "does something else than its trace" in record.reason


class Branching(Own):
    def call(self, inputs, states):
        return super().call(inputs if bool((states[0] > 0).all()) else -inputs, states)


class Summing(Own):
    def call(self, inputs, states):
        y, _ = super().call(inputs, states)
        return y, [ops.cumsum(y, axis=-1)]


class Dropping(Own):
    def call(self, inputs, states):
        return super().call(tkeras.random.dropout(inputs, 0.5), states)


class Sublayer(Own):
    def __init__(self, units, **kwargs):
        super().__init__(units, **kwargs)
        self.drop = layers.Dropout(0.5)

    def call(self, inputs, states, training=False):
        return super().call(self.drop(inputs, training=training), states)


class Writing(Own):
    def call(self, inputs, states):
        return super().call(inputs, [states[0].clone().mul_(2.0)])


class Narrow(Own):
    def build(self, input_shape):
        super().build(input_shape)
        self.low = self.add_weight((self.units, 2), "glorot_uniform", name="low")

    def call(self, inputs, states):
        return super().call(inputs, [states[0] @ self.low @ ops.transpose(self.low)])


@pytest.mark.parametrize(
    ("kind", "training", "reason"),
    [
        (Branching, False, "`all` on a state"),
        (Summing, False, "`cumsum` on a state"),
        (Dropping, False, "leaves memory unwritten"),
        (Sublayer, True, "Dropout inside the cell does something else in training"),
        (Writing, False, "`mul_` writes in place"),
        (Narrow, False, "a product of 2 columns, with states of 6 units"),
    ],
)
def test_why_the_host_loops(kind, training, reason):
    rnn, x = layers.RNN(kind(6)), torch.randn(2, 3, 4)
    expected = rnn(x, training=False)
    runtime.reset_report()
    with runtime.backend_scope("interpret"):
        found = rnn(x, training=training)
    (record,) = [r for r in runtime.report() if r.operator == "scan"]
    assert record.implementation == "torch"
    assert reason in record.reason
    assert record.reason.startswith("one step after the other")
    if kind not in (Dropping, Sublayer):
        torch.testing.assert_close(found, expected)


def test_without_a_gpu_the_report_says_so():
    runtime.reset_report()
    layers.RNN(Own(3))(torch.randn(2, 3, 4))
    reasons = {r.reason for r in runtime.report() if r.operator == "scan"}
    assert reasons == {"one step after the other: no GPU: tensors on cpu"}
