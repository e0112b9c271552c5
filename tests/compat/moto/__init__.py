"""moto's own tests, asked of our sandbox (``run``). None of them is kept here: they come with moto's sources."""
