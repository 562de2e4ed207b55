"""The rules, without clock, IO or database: order of a history, delays, addresses, decisions."""
