"""Graph to graph: adjoint, simplify, prune."""
