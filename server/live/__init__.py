"""Live pages and devices: who listens, what moved, and the stream that tells them."""
