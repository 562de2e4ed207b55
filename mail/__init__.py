"""What follows from the field: campaigns, invitations, mails, answers, results."""
