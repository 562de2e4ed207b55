"""Delivering: what is due is decided, claimed, handed to the SMTP server and recorded."""

from mail.delivery.run import deliver_due

__all__ = ["deliver_due"]
