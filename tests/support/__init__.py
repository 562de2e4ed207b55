"""What tests are made of: databases, processes, servers that listen, accounts to try things in."""
