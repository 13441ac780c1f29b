"""The kernel IR, its text and the passes over it: what stands between a schedule and machine code."""
