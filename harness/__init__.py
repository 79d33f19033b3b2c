"""Replay what a model once said to your code."""
