"""The ledger: each campaign's decision on each transition, and completed tasks counted by them."""
