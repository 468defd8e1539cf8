"""``tf.python``: private to TensorFlow but for ``tensorflow.python.keras``, which old scripts import."""
