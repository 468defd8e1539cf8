"""How Keras names its ops in files: the class, where it lives, and which arguments belong to its
constructor."""

from __future__ import annotations

from typing import NamedTuple

# function=Class(arguments of the constructor); the class is the function's name in camel case unless given
_TABLE = {
    "numpy": (
        """
        abs=Absolute absolute add angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and
        bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor cbrt ceil
        conj
        conjugate copy corrcoef cos cosh deg2rad digitize divide divide_no_nan dot dstack equal exp exp2
        expm1 fabs
        fliplr flipud floor floor_divide fmax fmin fmod gcd get_item greater greater_equal heaviside hstack
        hypot i0
        imag inner isfinite isinf isnan isneginf isposinf isreal kron lcm ldexp left_shift less less_equal
        log log10
        log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor matmul maximum
        minimum mod
        multiply ndim negative nextafter nonzero not_equal outer power rad2deg ravel real reciprocal
        right_shift select sign signbit sin sinc sinh size slogdet sqrt square subtract tan tanh
        true_divide trunc
        vdot vstack where
        all(axis,keepdims) allclose=AllClose(rtol,atol,equal_nan) amax(axis,keepdims) amin(axis,keepdims)
        any(axis,keepdims) append(axis) arange(dtype) argmax(axis,keepdims) argmin(axis,keepdims)
        argpartition(kth,axis) argsort(axis) array(dtype) array_split(indices_or_sections,axis) average(axis)
        bincount(weights,minlength,sparse) broadcast_to(shape) clip(x_min,x_max) concatenate(axis)
        correlate(mode)
        count_nonzero(axis) cross(axisa,axisb,axisc,axis) cumprod(axis,dtype) cumsum(axis,dtype) diag(k)
        diagflat(k)
        diagonal(offset,axis1,axis2) diff(n,axis) dsplit(indices_or_sections) einsum(subscripts)
        expand_dims(axis)
        flip(axis) full(shape,dtype) full_like(dtype) geomspace(num,endpoint,dtype,axis) histogram(bins,range)
        hsplit(indices_or_sections) isclose(equal_nan) isin=IsIn(assume_unique,invert)
        linspace(num,endpoint,retstep,dtype,axis) logspace(num,endpoint,base,dtype,axis)
        max(axis,keepdims,initial)
        mean(axis,keepdims) median(axis,keepdims) meshgrid(indexing) min(axis,keepdims,initial)
        moveaxis(source,destination) nan_to_num(nan,posinf,neginf) nanargmax(axis,keepdims)
        nanargmin(axis,keepdims)
        nancumprod(axis,dtype) nancumsum(axis,dtype) nanmax(axis,keepdims) nanmean(axis,keepdims)
        nanmedian(axis,keepdims) nanmin(axis,keepdims) nanpercentile(axis,method,keepdims)
        nanprod(axis,keepdims)
        nanquantile(axis,method,keepdims) nanstd(axis,keepdims) nansum(axis,keepdims) nanvar(axis,keepdims)
        ones_like(dtype) pad(pad_width,mode) percentile(axis,method,keepdims) prod(axis,keepdims,dtype)
        ptp(axis,keepdims) quantile(axis,method,keepdims) repeat(repeats,axis) reshape(newshape)
        roll(shift,axis)
        rot90(k,axes) round(decimals) searchsorted=SearchSorted(side) sort(axis)
        split(indices_or_sections,axis)
        squeeze(axis) stack(axis) std(axis,keepdims) sum(axis,keepdims) swapaxes(axis1,axis2) take(axis)
        take_along_axis(axis) tensordot(axes) tile(repeats) trace(offset,axis1,axis2) transpose(axes)
        trapezoid(x,dx,axis) tril(k) triu(k)
        unique(sorted,return_index,return_inverse,return_counts,axis,size,fill_value) unravel_index(shape)
        vander(N,increasing) var(axis,keepdims) view(dtype) vsplit(indices_or_sections) zeros_like(dtype)
    """
    ),
    "nn": (
        """
        hard_sigmoid hard_silu log_sigmoid polar relu relu6 selu sigmoid silu softplus softsign sparse_plus
        sparse_sigmoid tanh_shrink hard_tanh
        adaptive_average_pool(output_size,data_format) adaptive_max_pool(output_size,data_format)
        average_pool(pool_size,strides,padding,data_format) batch_normalization=BatchNorm(axis,epsilon)
        binary_crossentropy(from_logits) categorical_crossentropy(from_logits,axis) celu(alpha)
        conv(strides,padding,data_format,dilation_rate)
        conv_transpose(strides,padding,output_padding,data_format,dilation_rate)
        ctc_decode=CTCDecode(strategy,beam_width,top_paths,merge_repeated,mask_index)
        ctc_loss=CTCLoss(mask_index)
        depth_to_space(block_size,data_format) depthwise_conv(strides,padding,data_format,dilation_rate)
        dot_product_attention(is_causal,flash_attention,attn_logits_soft_cap) elu(alpha)
        fold(output_size,kernel_size,dilation,padding,stride) gelu(approximate) glu(axis)
        hard_shrink(threshold)
        layer_normalization=LayerNorm(axis,epsilon,rms_scaling) leaky_relu(negative_slope) log_softmax(axis)
        max_pool(pool_size,strides,padding,data_format) moments(axes,keepdims,synchronized)
        multi_hot(num_classes,axis,dtype,sparse) normalize(axis,order,epsilon)
        one_hot(num_classes,axis,dtype,sparse)
        psnr=PSNR(max_val) rms_normalization=RMSNorm(axis,epsilon)
        separable_conv(strides,padding,data_format,dilation_rate) soft_shrink(threshold) softmax(axis)
        space_to_depth(block_size,data_format) sparse_categorical_crossentropy(from_logits,axis)
        sparsemax(axis)
        squareplus(b) threshold(threshold,default_value) unfold(kernel_size,dilation,padding,stride)
    """
    ),
    "math": (
        """
        cdist=CDist erf erfc erfinv fft=FFT fft2=FFT2 ifft2=IFFT2 logdet rsqrt view_as_complex view_as_real
        extract_sequences(sequence_length,sequence_stride) in_top_k(k) irfft=IRFFT(fft_length)
        istft=ISTFT(sequence_length,sequence_stride,fft_length,length,window,center) logsumexp(axis,keepdims)
        rfft=RFFT(fft_length) segment_max(num_segments,sorted) segment_min(num_segments,sorted)
        segment_prod(num_segments,sorted) segment_sum(num_segments,sorted)
        stft=STFT(sequence_length,sequence_stride,fft_length,window,center) top_k(k,sorted)
    """
    ),
    "core": (
        """
        cast(dtype) convert_to_tensor(dtype,sparse,ragged) saturate_cast(dtype) scatter(shape)
        scatter_update(reduction) slice(shape) slice_update stop_gradient unstack(num,axis)
    """
    ),
    "linalg": (
        """
        det eig eigh inv lu_factor solve cholesky(upper) cholesky_inverse(upper) lstsq(rcond) matrix_rank(tol)
        norm(ord,axis,keepdims) pinv(rcond) qr(mode) solve_triangular(lower) svd=SVD(full_matrices,compute_uv)
    """
    ),
    "einops": "rearrange",
    "image": (
        """
        affine_transform(interpolation,fill_mode,fill_value,data_format)
        crop_images(top_cropping,left_cropping,bottom_cropping,right_cropping,target_height,target_width,data_format)
        elastic_transform(alpha,sigma,interpolation,fill_mode,fill_value,seed,data_format)
        extract_patches(size,strides,dilation_rate,padding,data_format)
        gaussian_blur(kernel_size,sigma,data_format)
        hsv_to_rgb=HSVToRGB(data_format) map_coordinates(order,fill_mode,fill_value)
        pad_images(top_padding,left_padding,bottom_padding,right_padding,target_height,target_width,data_format)
        perspective_transform(interpolation,fill_value,data_format)
        resize(size,interpolation,antialias,crop_to_aspect_ratio,pad_to_aspect_ratio,fill_mode,fill_value,data_format)
        rgb_to_grayscale=RGBToGrayscale(data_format) rgb_to_hsv=RGBToHSV(data_format)
        scale_and_translate(spatial_dims,method,antialias) sobel_edges(data_format)
        ssim=SSIM(max_val,filter_size,filter_sigma,k1,k2,data_format)
    """
    ),
}


class Row(NamedTuple):
    """One op.

    Attributes:
        function: Keras path of the function.
        module, class_name: of the class that files name.
        arguments: what the class takes in its constructor; the rest is in the call.
    """

    function: str
    module: str
    class_name: str
    arguments: tuple[str, ...]


def _rows() -> list[Row]:
    rows = []
    for module, text in _TABLE.items():
        for entry in text.split():
            head, _, arguments = entry.rstrip(")").partition("(")
            name, _, class_name = head.partition("=")
            class_name = class_name or "".join(part.capitalize() for part in name.split("_"))
            function = f"keras.ops.image.{name}" if module == "image" else f"keras.ops.{name}"
            rows.append(
                Row(
                    function, f"keras.src.ops.{module}", class_name, tuple(filter(None, arguments.split(",")))
                )
            )
    return rows


ROWS = _rows()
BY_FUNCTION = {row.function: row for row in ROWS}
BY_CLASS = {row.class_name: row for row in reversed(ROWS)} | {"Abs": BY_FUNCTION["keras.ops.absolute"]}
