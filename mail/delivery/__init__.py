"""From a due invitation to a mail that the server took: claim, render, send in phases, record."""
