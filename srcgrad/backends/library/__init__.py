"""Calls on whole arrays, as native symbols: see `native`."""
