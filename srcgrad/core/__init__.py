"""The ground floor: array types, the row that declares an operation, pytrees, settings, source locations."""
