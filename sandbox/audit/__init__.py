"""What was called in the account: CloudTrail's events, and which caller used which service last."""
