"""Records: accounts, units, users, customers, locations, task types, states and tasks.

Each `put_*` creates or updates up to `MOST_RECORDS` records, by `id` or by `external_id`; fields
that are left out keep their values. Its last statements write the feed, whose counter is the last
lock: a transaction calls at most one of them, after its other work.
"""
