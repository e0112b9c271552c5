"""What was called in the account: CloudTrail's events, and when whoever last used what."""
