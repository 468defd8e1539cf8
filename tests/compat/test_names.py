"""Which names ``keras`` and ``tensorflow`` have, and what is said of those they have not."""

from __future__ import annotations

import pytest


def test_paths_of_all_ages_lead_to_the_same_things(passes) -> None:
    passes("""
        import keras, tensorflow as tf, tkeras
        from keras.engine.training import Model
        from keras.engine.topology import Layer
        from keras.layers.core import Dense
        from keras.layers.merge import concatenate
        from keras.layers.advanced_activations import LeakyReLU
        from keras.utils.np_utils import to_categorical
        from keras.utils.vis_utils import plot_model
        from keras.preprocessing.image import ImageDataGenerator
        from keras.preprocessing.sequence import pad_sequences
        from keras.optimizers.schedules import CosineDecay
        from keras.applications.resnet50 import ResNet50, preprocess_input
        from keras.datasets import mnist
        from keras.mixed_precision import set_global_policy
        from tensorflow import keras as second
        from tensorflow.keras.layers import Dense as third
        from tensorflow.python.keras.layers import Dense as fourth
        import tensorflow.keras.backend as K
        import keras.backend as K2
        from keras import ops, backend
        from keras.api.layers import Dense as fifth
        from keras.src.layers import Dense as sixth
        from keras.src.layers.core.dense import Dense as seventh
        from keras._tf_keras.keras.layers import Dense as eighth
        from keras.src.legacy.preprocessing.image import ImageDataGenerator as generator
        from keras.src.backend import KerasTensor, standardize_dtype
        from keras.src.engine.training import Model as private_model
        from keras import src

        assert Dense is tkeras.layers.Dense is third is fourth is fifth
        assert Dense is sixth is seventh is eighth is src.layers.Dense
        assert generator is ImageDataGenerator and KerasTensor is keras.KerasTensor
        assert standardize_dtype is keras.config.standardize_dtype and private_model is Model
        assert Model is tkeras.Model and Layer is tkeras.layers.Layer
        assert keras.__version__ == "3.15.1" and tf.keras.Model is Model is second.models.Model
        assert K.relu is K2.relu is tkeras.backend.relu
        assert keras.losses.mse is not None and "Dense" in dir(keras.layers)
        names = {}
        exec("from keras.layers import *", names)
        assert names["Dense"] is Dense and "annotations" not in names
        assert ResNet50 is keras.applications.ResNet50
        exec("from keras import *", names)
        assert names["layers"] is keras.layers and names["Model"] is Model
        assert "graph" not in names and "_collector" not in names
        """)


def test_assignment_replaces_for_everybody(passes) -> None:
    passes("""
        import keras, tkeras
        from keras.datasets import mnist
        from tensorflow import keras as second

        keras.utils.get_file = lambda *args, **kwargs: "replaced"
        assert tkeras.utils.get_file() == "replaced" == second.utils.get_file()
        mnist.load_data = lambda: "digits"
        assert keras.datasets.mnist.load_data() == "digits" == tkeras.datasets.mnist.load_data()
        fit = keras.Model.fit
        keras.Model.fit = lambda *args, **kwargs: "fitted"
        model = keras.Sequential([keras.layers.Dense(1)])
        assert model.fit() == "fitted"
        keras.Model.fit = fit
        """)


MISSING = {
    "from keras.layers import Nothing": "'keras.layers.Nothing'",
    "import keras; keras.layers.Nothing": "'keras.layers.Nothing'",
    "import keras.nothing": "'keras.nothing'",
    "import keras.src.testing": "'keras.src.testing'",
    "from keras.src.layers.core.dense import Nothing": "Nothing",
    "from keras.src.losses import nothing; nothing(1)": "'keras.src.losses.nothing'",
    "from keras.layers import JaxLayer": "TorchModuleWrapper",
    "import keras; keras.graph": "'keras.graph'",
    "from keras.wrappers.scikit_learn import KerasClassifier": "scikeras",
    "import tensorflow as tf; tf.raw_ops.Add(x=1, y=2)": "stand-in",
    "from tensorflow.nothing import x": "stand-in",
}


@pytest.mark.parametrize("code", MISSING)
def test_what_is_missing_is_said_in_one_line(code, in_process) -> None:
    error = in_process(code)
    assert isinstance(error, (ImportError, AttributeError))
    assert MISSING[code] in str(error)
    assert "\n" not in str(error)


def test_a_missing_name_ends_the_script_with_its_line(run_script) -> None:
    done = run_script("import keras\nprint('before')\nkeras.layers.Nothing(3)\n")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.count("\n") == 1
    assert "script.py:3: No module or name 'keras.layers.Nothing'" in done.stderr


def test_guards_of_scripts_still_work(passes) -> None:
    passes("""
        import keras
        try:
            from keras.layers import Nothing
        except ImportError:
            Nothing = None
        assert Nothing is None and not hasattr(keras.layers, "Nothing")
        assert getattr(keras, "nothing", 3) == 3
        """)


def test_the_real_keras_must_not_be_loaded_yet(monkeypatch) -> None:
    import sys

    import tkeras

    monkeypatch.setitem(sys.modules, "keras", object())
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if "compat" not in type(f).__module__])
    with pytest.raises(RuntimeError, match="keras is imported already"):
        tkeras.install_as_keras()
