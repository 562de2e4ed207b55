"""Records: accounts, people, clients, task types, states and tasks, written and read.

Every `put_*` creates or updates by `id` or by `external_id`, up to `MOST_RECORDS` at once; a
field left out keeps what it was. A function that writes ends with the feed, whose lock is the
last: call one of them in a transaction, after whatever else it does.
"""
