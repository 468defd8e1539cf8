"""The table of operators."""

from perf import operators
from tkeras_kernels.operators import Case, Operator, registry


def test_the_table_is_up_to_date():
    hint = "run python -m perf operators --write and review the difference"
    assert operators.FILE.read_text() == operators.table(), hint


def test_every_operator_has_a_line_that_says_what_is_fused():
    lines = operators.table().splitlines()
    for name in registry():
        assert sum(line.startswith(f"| `{name}` |") for line in lines) == 1
    (dense,) = [line for line in lines if line.startswith("| `dense` |")]
    assert "| forward, backward | bf16, fp16, fp32 | x, kernel and y" in dense
    (update,) = [line for line in lines if line.startswith("| `update` |")]
    assert "| forward; has no backward |" in update


def test_what_has_no_kernel_says_why():
    class Plain(Operator):
        """The first of a|b.

        More."""

        name = "plain"
        cases = (Case("one", ((3,),)),)

        def reference(self, *tensors):
            return tensors[0]

    assert operators._line(Plain()) == (
        "| `plain` | The first of a\\|b | no: no fused kernel for this operator yet |  | nothing |\n"
    )
