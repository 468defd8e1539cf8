"""Triton kernels with holes for leaf functions. Importing a template imports Triton; operators do so at first
launch."""
