"""Fused kernels generated from one small expression language: operators on torch tensors, without Keras."""
