"""Tensors made of numbers, of shapes, at random."""
