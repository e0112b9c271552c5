"""Programs that nobody here wrote, run against the sandbox: ``make compat``. Not part of ``make test``."""
