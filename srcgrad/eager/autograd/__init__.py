"""Derivatives of tensors."""
