"""The OpenAPI document, and the pages on which it is read."""
