"""The Training tab: launch a job, follow it live, read its report."""
