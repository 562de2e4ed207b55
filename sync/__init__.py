"""What happened in the field: intake, feed, records, devices."""
