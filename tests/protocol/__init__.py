"""The protocol between devices and Retour, from outside: over HTTP, against real processes."""
