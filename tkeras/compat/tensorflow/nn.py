"""Names of ``tf.nn``."""

from tkeras import ops
from tkeras.compat.tensorflow._nn import avg_pool2d as avg_pool2d
from tkeras.compat.tensorflow._nn import batch_normalization as batch_normalization
from tkeras.compat.tensorflow._nn import bias_add as bias_add
from tkeras.compat.tensorflow._nn import conv1d as conv1d
from tkeras.compat.tensorflow._nn import conv2d as conv2d
from tkeras.compat.tensorflow._nn import dropout as dropout
from tkeras.compat.tensorflow._nn import embedding_lookup as embedding_lookup
from tkeras.compat.tensorflow._nn import l2_loss as l2_loss
from tkeras.compat.tensorflow._nn import max_pool2d as max_pool2d
from tkeras.compat.tensorflow._nn import moments as moments
from tkeras.compat.tensorflow._nn import (
    sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits,
)
from tkeras.compat.tensorflow._nn import (
    softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits,
)
from tkeras.compat.tensorflow._nn import (
    sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits,
)
from tkeras.compat.tensorflow._reductions import l2_normalize as l2_normalize
from tkeras.compat.tensorflow._reductions import top_k as top_k
from tkeras.ops import elu as elu
from tkeras.ops import gelu as gelu
from tkeras.ops import leaky_relu as leaky_relu
from tkeras.ops import log_softmax as log_softmax
from tkeras.ops import relu as relu
from tkeras.ops import relu6 as relu6
from tkeras.ops import selu as selu
from tkeras.ops import sigmoid as sigmoid
from tkeras.ops import silu as silu
from tkeras.ops import softmax as softmax
from tkeras.ops import softplus as softplus
from tkeras.ops import softsign as softsign
from tkeras.ops import tanh as tanh

swish = ops.silu
