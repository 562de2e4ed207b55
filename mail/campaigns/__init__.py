"""Campaigns: their definitions, validation, storage, status, and the cache of workers."""
