"""HTTP as it arrives: connections, heads and forms, before the framework sees them."""
