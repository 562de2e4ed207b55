"""Who is not asked: the suppression list, and what people chose on the unsubscribe page."""
