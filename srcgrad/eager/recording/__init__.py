"""How what is done to tensors becomes a graph of nodes, and how the graph is walked back."""
