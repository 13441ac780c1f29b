"""The NumPy-named namespace that traced code sees."""
