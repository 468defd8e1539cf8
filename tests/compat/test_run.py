"""``tkeras run`` and ``TKERAS_AS_KERAS``: scripts, modules, notebooks, reports, comparisons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TRAIN = """
import sys
import numpy as np
import keras

keras.utils.set_random_seed(1)
x = np.random.rand(64, 4).astype("float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)], name="net")
model.compile("sgd", "mse")
history = model.fit(x, x.sum(1), epochs=2, verbose=0)
print(sys.argv[1:], [round(loss, 6) for loss in history.history["loss"]])
"""


def test_arguments_and_status_are_the_scripts(run_script) -> None:
    done = run_script("import sys\nprint(sys.argv[1:], __name__)\nsys.exit(int(sys.argv[2]))", "--fast", "3")
    assert (done.returncode, done.stdout) == (3, "['--fast', '3'] __main__\n")
    done = run_script("raise SystemExit('no data')")
    assert (done.returncode, done.stderr) == (1, "no data\n")


def test_errors_of_the_script_are_its_own(run_script) -> None:
    done = run_script("def f():\n    raise ValueError('mine')\nf()\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ValueError: mine"
    assert "script.py" in done.stderr.splitlines()[1]
    assert "runpy" not in done.stderr


def test_a_missing_file_and_nothing_at_all() -> None:
    for words, message in ((["nowhere.py"], "there is no file nowhere.py"), ([], "give a script")):
        done = subprocess.run(
            [sys.executable, "-m", "tkeras", "run", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert message in done.stdout + done.stderr


def test_modules_and_files_beside_the_script(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("import keras\nNAME = keras.layers.Dense.__module__\n")
    (tmp_path / "main.py").write_text("import sys, helper\nprint(helper.NAME, sys.argv[1:])\n")
    for words in (["main.py", "-x"], ["-m", "main", "-x"]):
        done = subprocess.run(
            [sys.executable, "-m", "tkeras", "run", *words], capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, check=False,
        )  # fmt: skip
        assert done.stdout.startswith("tkeras.layers"), done.stderr
        assert done.stdout.endswith("['-x']\n")


def test_a_notebook_runs_cell_by_cell(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# title"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import keras\n", "x = 3"]},
        {"cell_type": "code", "source": "x + 1"},
        {"cell_type": "code", "source": "if x:\n    !ls\nkeras.layers.Dense(2).units"},
    ]
    book = tmp_path / "book.ipynb"
    book.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    command = [sys.executable, "-m", "tkeras", "run", str(book)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "4\n2\n"), done.stderr
    assert "book.ipynb[1]: left out: %matplotlib inline" in done.stderr
    assert "book.ipynb[3]: left out: !ls" in done.stderr
    cells[2]["source"] = "1 / 0"
    book.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "book.ipynb[2]" in done.stderr
    book.write_text("{}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "is not a notebook" in done.stderr


def test_the_report_names_layers_kernels_and_epochs(run_script) -> None:
    done = run_script(TRAIN, options=("--report",))
    assert done.returncode == 0, done.stderr
    page = done.stdout
    assert "dense_1" in page
    assert "no GPU: tensors on cpu" in page or "fused kernel for" in page
    assert [line.split()[:3] for line in page.splitlines() if " net " in line] == [
        ["1", "net", "1"],
        ["1", "net", "2"],
    ]
    assert "peak memory" in page
    assert "ran as a program are not counted" in page


@pytest.mark.skipif(find_spec("keras") is None, reason="needs real Keras beside (pip install keras==3.15.1)")
def test_the_comparison_puts_both_side_by_side(run_script, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    done = run_script(TRAIN, options=("--compare",))
    assert done.returncode == 0, done.stderr
    assert "keras 3.15.1" in done.stdout
    assert "seconds an epoch" in done.stdout
    assert "peak memory, MB" in done.stdout


@pytest.mark.skipif(find_spec("keras") is None, reason="needs real Keras beside (pip install keras==3.15.1)")
def test_a_script_that_real_keras_cannot_run_is_no_comparison(run_script) -> None:
    done = run_script(
        "import tkeras, keras\nassert keras.layers.Dense is tkeras.layers.Dense\n", options=("--compare",)
    )
    assert done.returncode == 1
    assert "compare: the installed Keras did not run the script: AssertionError" in done.stdout


STARTUP = Path(__file__).parents[2] / "tkeras" / "compat" / "startup.pth"


def test_the_startup_file_installs_at_the_first_import_only() -> None:
    code = f"{STARTUP.read_text()}\nimport sys; before = 'torch' in sys.modules\nimport keras\nprint(before, keras.layers.Dense.__module__)"
    for value, expected in (("1", "False tkeras.layers"), ("0", None)):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True,
            env={**os.environ, "TKERAS_AS_KERAS": value, "KERAS_BACKEND": "torch"}, check=False,
        )  # fmt: skip
        if expected:
            assert done.stdout.startswith(expected), done.stderr
        else:
            assert "tkeras.layers" not in done.stdout


def test_eager_results_are_what_scripts_expect(passes) -> None:
    passes("""
        import numpy as np
        import keras
        import keras.backend as K
        import warnings
        warnings.simplefilter("error")
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")])
        y = model(np.ones((4, 3), "float32"))
        assert y.requires_grad and isinstance(y.numpy(), np.ndarray)
        total = keras.ops.sum(y)
        assert abs(float(total) - y.numpy().sum()) < 1e-5 and isinstance(f"{total:.3f}", str)
        assert isinstance(np.mean(y), np.floating) and np.argmax(y, axis=-1).shape == (4,)
        assert np.concatenate([y, y]).shape == (8, 2) and np.array(y).shape == (4, 2)
        assert y.get_shape().as_list() == [4, 2]
        assert isinstance(model.predict(np.ones((4, 3)), verbose=0), np.ndarray)
        assert isinstance(K.eval(total), (np.ndarray, np.floating))
        assert K.get_value(model.get_layer("d").kernel).shape == (3, 2)
        f = K.function([model.input], [model.output])
        assert f([np.ones((1, 3))])[0].shape == (1, 2)
        try:
            K.get_session()
        except Exception as error:
            assert "session" in str(error)
        else:
            raise AssertionError("a session")
        """)


BACKENDS = """
import numpy as np
import keras, tkeras

curves = []
x = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
for backends in (("torch", "torch"), ("auto", "auto"), ("interpret", "interpret"), ("torch", "interpret")):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="gelu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    losses = []
    for backend in backends:
        tkeras.config.set_backend(backend)
        losses += model.fit(x, x.sum(1), batch_size=16, epochs=2, verbose=0).history["loss"]
    curves.append(losses)
np.testing.assert_allclose(curves, np.broadcast_to(curves[0], (4, 4)), rtol=1e-4)
print(curves[0])
"""


def test_backends_give_the_same_curve_and_switch_between_fits(run_script, monkeypatch) -> None:
    """On a GPU the interpreter cannot run in the process of the compiled kernels."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    done = run_script(BACKENDS)
    assert done.returncode == 0, done.stderr


def test_the_backend_of_the_environment_gives_the_same_curve(run_script, monkeypatch) -> None:
    printed = set()
    for backend in ("torch", "interpret", "auto"):
        monkeypatch.setenv("TKERAS_BACKEND", backend)
        done = run_script(TRAIN)
        assert done.returncode == 0, done.stderr
        printed.add(tuple(round(float(word.strip(",[]")), 4) for word in done.stdout.split()[1:]))
    assert len(printed) == 1
