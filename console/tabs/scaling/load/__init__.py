"""The page Load test: what is sent, what comes of it, and the reports of earlier tests."""
