"""The worker process: its jobs, the broker that rings for them, and the clock."""
