"""What it runs on: the device, the hosts and how they meet, how it is stopped."""
