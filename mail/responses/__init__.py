"""Responses: links of mails, answers, follow-ups, and the results of tasks."""
