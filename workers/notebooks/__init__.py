"""Notebook instances: made with a role no wider than one bucket, started, opened, stopped, deleted."""
