"""Planning: the history of changed tasks becomes decisions, invitations and completions."""
