"""Backbones and heads, and the features that a backbone makes of pictures."""
