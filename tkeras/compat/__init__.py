"""Drop-in: tkeras under the names ``keras`` and ``tensorflow.keras``, for scripts as they are."""

from tkeras.compat._install import install_as_keras as install_as_keras
