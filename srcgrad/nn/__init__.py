"""Layers and losses as plain functions over pytrees of parameters."""
