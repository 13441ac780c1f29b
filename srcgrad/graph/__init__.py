"""Graphs of operations: nodes, regions, tracing, the interpreter (the oracle), the verifier, the text form."""
