"""Graph to schedule: axes, fusion, order, storage. Knows lowering kinds, never operation names; knows no back end."""
