"""What ``train.py`` and ``inference.py`` are made of; inside it imports are relative, as it is found by two names."""
