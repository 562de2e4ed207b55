"""Scales of questions, and which questions a survey asks."""
