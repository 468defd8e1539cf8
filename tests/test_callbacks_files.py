"""Callbacks that write, and training that goes on after an interruption."""

import csv
import http.server
import json
import threading
import urllib.parse
from pathlib import Path

import numpy as np
import pytest

import tkeras
from tests.test_training import X, Y, regression
from tkeras import callbacks, layers


class Interrupt(callbacks.Callback):
    """Raises at the end of a batch, counted over epochs."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def dropping(jit_compile=False):
    """A model whose training draws random numbers, from a fixed start."""
    tkeras.utils.set_random_seed(3)
    model = tkeras.Sequential(
        [
            tkeras.Input(X.shape[1:]),
            layers.Dense(5, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"], jit_compile=jit_compile)
    return model


def watchers():
    return [
        callbacks.ReduceLROnPlateau(monitor="loss", patience=1, min_delta=0.05),
        callbacks.EarlyStopping(monitor="loss", patience=30, restore_best_weights=True),
    ]


@pytest.mark.parametrize(
    ("save_freq", "interrupt", "steps", "left", "jit"),
    [
        ("epoch", 9, None, 3, False), (3, 8, None, 3, True), (2, 9, 4, 2, False), (4, 6, None, 4, True),
        (3, 4, 2, 3, False), ("epoch", 3, 2, 3, False),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # five batches in epochs of two or four
def test_a_resumed_training_ends_with_the_same_bits(tmp_path, save_freq, interrupt, steps, left, jit) -> None:
    options = {"batch_size": 10, "epochs": 4, "verbose": 0}
    data = (X, Y)
    if steps is not None:
        options["steps_per_epoch"] = steps
    whole = dropping(jit)
    history = whole.fit(*data, callbacks=watchers(), **options)
    backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq)
    with pytest.raises(KeyboardInterrupt):
        dropping(jit).fit(*data, callbacks=[backup, Interrupt(interrupt), *watchers()], **options)
    resumed = dropping(jit)
    np.random.rand(3)  # the restored generators make up for this
    rest = resumed.fit(
        *data, callbacks=[callbacks.BackupAndRestore(tmp_path / "backup", save_freq), *watchers()], **options
    )
    assert len(rest.epoch) == left
    for name, values in rest.history.items():
        assert values == history.history[name][-len(values) :]
    for ours, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)
    for ours, expected in zip(resumed.optimizer.get_weights(), whole.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert not (tmp_path / "backup").exists()


def test_the_state_before_replaces_a_damaged_backup(tmp_path) -> None:
    options = {"batch_size": 10, "epochs": 4, "verbose": 0}
    whole = dropping()
    whole.fit(X, Y, **options)
    backup = callbacks.BackupAndRestore(tmp_path, double_checkpoint=True)
    with pytest.raises(KeyboardInterrupt):
        dropping().fit(X, Y, callbacks=[backup, Interrupt(13)], **options)
    latest = tmp_path / "latest.weights.h5"
    latest.write_bytes(latest.read_bytes()[:-7])
    resumed = dropping()
    keep = callbacks.BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)
    rest = resumed.fit(X, Y, callbacks=[keep], **options)
    assert len(rest.epoch) == 4 - 1
    np.testing.assert_array_equal(resumed.get_weights()[0], whole.get_weights()[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.weights.h5", "prev.weights.h5"]
    assert not dropping().fit(X, Y, callbacks=[keep], **options).epoch  # all is done


def test_backups_explain_what_they_need(tmp_path) -> None:
    with pytest.raises(ValueError, match="Empty `backup_dir`"):
        callbacks.BackupAndRestore("")
    with pytest.raises(ValueError, match="Expected either 'epoch' or an integer"):
        callbacks.BackupAndRestore(tmp_path, save_freq="day")
    dropping().fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)])
    unbuilt = tkeras.Sequential([layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match="must be built before you call"):
        unbuilt.fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])
    other = regression()
    with pytest.raises(ValueError, match=r"latest\.weights\.h5"):
        other.fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_whole_models_are_kept(tmp_path, ending, capsys) -> None:
    model = dropping()
    path = tmp_path / "runs" / f"{{epoch}}.{ending}"
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ModelCheckpoint(path, verbose=1)])
    loaded = tkeras.models.load_model(tmp_path / "runs" / f"2.{ending}")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations)
    assert f"Epoch 2: finished saving model to {tmp_path}" in capsys.readouterr().out


def test_batches_are_counted_over_epochs_and_executions(tmp_path) -> None:
    model = regression()
    model.compile("sgd", "mse", steps_per_execution=2)
    path = tmp_path / "{epoch}-{batch}.weights.h5"
    keep = callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq=3)
    model.fit(X[:50], Y[:50], batch_size=10, epochs=2, verbose=0, callbacks=[keep])
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "1-4.weights.h5",
        "2-2.weights.h5",
        "2-5.weights.h5",
    ]


def test_csv(tmp_path) -> None:
    path = tmp_path / "log.csv"
    regression().fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.CSVLogger(path)])
    log = callbacks.CSVLogger(path, append=True)
    history = regression().fit(X, Y, epochs=1, verbose=0, callbacks=[log])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"]
    assert float(rows[2]["loss"]) == history.history["loss"][0]
    assert rows[0]["val_mae"] == "NA"
    regression().fit(
        X, Y, epochs=1, verbose=0, validation_split=0.5, callbacks=[callbacks.CSVLogger(path, ";")]
    )
    assert path.read_text().splitlines()[0] == "epoch;loss;mae;val_loss;val_mae"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted."""

    posts: list = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.posts.append((self.path, self.headers, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        """Silent."""


def test_remote_monitor(monkeypatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    try:
        form = callbacks.RemoteMonitor(root, headers={"X-Run": "7"})
        plain = callbacks.RemoteMonitor(root, "/json", send_as_json=True)
        history = regression().fit(X, Y, verbose=0, callbacks=[form, plain])
    finally:
        server.shutdown()
        server.server_close()
    (path, headers, body), (json_path, json_headers, json_body) = Receiver.posts
    assert (path, headers["X-Run"], json_path) == ("/publish/epoch/end/", "7", "/json")
    sent = json.loads(urllib.parse.parse_qs(body)["data"][0])
    assert sent == json.loads(json_body) == {"epoch": 0, **{k: v[0] for k, v in history.history.items()}}
    assert json_headers["Content-Type"] == "application/json"
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server"):
        regression().fit(X, Y, verbose=0, callbacks=[form])
    with pytest.raises(ValueError, match="http or https"):
        callbacks.RemoteMonitor("file:///etc")


def events(folder: Path) -> dict:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(folder), size_guidance={"tensors": 0, "histograms": 0, "scalars": 0})
    log.Reload()
    return log


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard(tmp_path) -> None:
    pytest.importorskip("tensorboard")
    inputs = tkeras.Input((4,), name="words")
    x = layers.Flatten()(layers.Embedding(6, 2, name="table")(inputs))
    model = tkeras.Model(inputs, layers.Dense(1, name="head")(x))
    model.compile("sgd", "mse")
    words, target = np.arange(48).reshape(12, 4) % 6, np.ones((12, 1), "float32")
    (tmp_path / "labels.tsv").write_text("\n".join("abcdef"))
    board = callbacks.TensorBoard(
        tmp_path, histogram_freq=1, write_images=True, update_freq=2, write_steps_per_second=True,
        profile_batch=(1, 2), embeddings_freq=2, embeddings_metadata="labels.tsv",
    )  # fmt: skip
    history = model.fit(
        words, target, batch_size=3, epochs=2, validation_data=(words, target), verbose=0, callbacks=[board]
    )
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    losses = [event.value for event in train.Scalars("epoch_loss")]
    np.testing.assert_allclose(losses, history.history["loss"], rtol=1e-6)
    assert [event.step for event in train.Scalars("batch_loss")] == [2, 4, 6, 8]
    assert {"epoch_learning_rate", "epoch_steps_per_second"} <= set(train.Tags()["scalars"])
    assert [event.step for event in validation.Scalars("evaluation_loss_vs_iterations")] == [4, 8]
    np.testing.assert_allclose(
        validation.Scalars("epoch_loss")[1].value, history.history["val_loss"][1], rtol=1e-6
    )
    assert "table/embeddings/histogram" in train.Tags()["histograms"]
    assert "head/kernel/image" in train.Tags()["images"]
    nodes = {node.name.split("/")[1]: list(node.input) for node in _graph(train).node}
    assert nodes["head"] == [f"{model.name}/flatten"] or nodes["head"][0].startswith(f"{model.name}/flatten")
    assert list((tmp_path / "plugins" / "profile").iterdir())
    assert list(tmp_path.glob("train/00000/table/metadata.tsv"))


def _graph(log):
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    graph = GraphDef()
    graph.ParseFromString(log.Graph().SerializeToString())
    return graph


@pytest.mark.parametrize("options", [{"update_freq": "day"}, {"update_freq": 0}, {"profile_batch": (5, 2)}])
def test_wrong_tensorboards_are_explained(options) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        callbacks.TensorBoard(**options)
