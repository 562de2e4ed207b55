"""The processes and their parts, `retour up`, logs and files."""
