"""The command `retour`."""
