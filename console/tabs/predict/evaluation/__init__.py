"""Evaluations: a labelled folder, asked of one or more targets, with figures, and two of them compared."""
