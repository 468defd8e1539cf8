"""Numbers in few bits. The layers of a model are quantized with torch, since a model is a torch module."""

from tkeras.quantizers._configs import AWQConfig as AWQConfig
from tkeras.quantizers._configs import Float8QuantizationConfig as Float8QuantizationConfig
from tkeras.quantizers._configs import GPTQConfig as GPTQConfig
from tkeras.quantizers._configs import Int4QuantizationConfig as Int4QuantizationConfig
from tkeras.quantizers._configs import Int8QuantizationConfig as Int8QuantizationConfig
from tkeras.quantizers._configs import QuantizationConfig as QuantizationConfig
from tkeras.quantizers._quantizer import AbsMaxQuantizer as AbsMaxQuantizer
from tkeras.quantizers._quantizer import Quantizer as Quantizer
from tkeras.quantizers._quantizer import deserialize as deserialize
from tkeras.quantizers._quantizer import get as get
from tkeras.quantizers._quantizer import serialize as serialize
from tkeras.quantizers._rounding import abs_max_quantize as abs_max_quantize
from tkeras.quantizers._rounding import (
    abs_max_quantize_grouped_with_zero_point as abs_max_quantize_grouped_with_zero_point,
)
from tkeras.quantizers._rounding import compute_float8_amax_history as compute_float8_amax_history
from tkeras.quantizers._rounding import compute_float8_scale as compute_float8_scale
from tkeras.quantizers._rounding import fake_quant_with_min_max_vars as fake_quant_with_min_max_vars
from tkeras.quantizers._rounding import pack_int4 as pack_int4
from tkeras.quantizers._rounding import quantize_and_dequantize as quantize_and_dequantize
from tkeras.quantizers._rounding import unpack_int4 as unpack_int4
