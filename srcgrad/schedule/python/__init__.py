"""Scheduled programs as Python that people read."""
