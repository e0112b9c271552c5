"""The window: PySide6 and qasync. Sees AWS only through the types and services of `workers`."""
