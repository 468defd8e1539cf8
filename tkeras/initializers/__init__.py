"""How variables get their first values."""

from typing import Any

from tkeras.initializers._constant import STFT as STFT
from tkeras.initializers._constant import Constant as Constant
from tkeras.initializers._constant import Identity as Identity
from tkeras.initializers._constant import Ones as Ones
from tkeras.initializers._constant import Zeros as Zeros
from tkeras.initializers._initializer import INITIALIZERS
from tkeras.initializers._initializer import Initializer as Initializer
from tkeras.initializers._random import GlorotNormal as GlorotNormal
from tkeras.initializers._random import GlorotUniform as GlorotUniform
from tkeras.initializers._random import HeNormal as HeNormal
from tkeras.initializers._random import HeUniform as HeUniform
from tkeras.initializers._random import LecunNormal as LecunNormal
from tkeras.initializers._random import LecunUniform as LecunUniform
from tkeras.initializers._random import Orthogonal as Orthogonal
from tkeras.initializers._random import RandomNormal as RandomNormal
from tkeras.initializers._random import RandomUniform as RandomUniform
from tkeras.initializers._random import TruncatedNormal as TruncatedNormal
from tkeras.initializers._random import VarianceScaling as VarianceScaling

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
normal = random_normal = RandomNormal
one = ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
stft = STFTInitializer = STFT
truncated_normal = TruncatedNormal
uniform = random_uniform = RandomUniform
variance_scaling = VarianceScaling
zero = zeros = Zeros

get = INITIALIZERS.get
deserialize = INITIALIZERS.deserialize


def serialize(initializer: Any) -> Any:
    """The configuration that :func:`deserialize` takes."""
    return INITIALIZERS.serialize(initializer)
