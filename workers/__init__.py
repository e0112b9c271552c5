"""Every AWS job as plain asyncio over boto3: usable from the window, a notebook or a script."""
