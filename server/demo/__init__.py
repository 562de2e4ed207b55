"""The demo account: the company of `fixtures/`, given ninety days of plausible past."""
