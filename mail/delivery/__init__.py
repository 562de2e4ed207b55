"""Delivery: claiming due invitations, deciding at release, recording outcomes of mails."""
