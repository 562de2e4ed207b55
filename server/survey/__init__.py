"""The pages behind the links in mails: the survey and unsubscribing."""
