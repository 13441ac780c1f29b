"""What can be done to tensors, under PyTorch's names."""
