"""What a tensor is: its dtype, its memory, the node that made it, how it prints."""
