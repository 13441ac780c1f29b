"""The define-by-run face: tensors that record what is done to them, with PyTorch's names."""
