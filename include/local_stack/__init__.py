"""Everything on one machine, for `make run` and the tests: embedded PostgreSQL, ports, processes, one run at a time.

It knows programs, folders and ports. It refuses to know sellers' orders, tokens or what the child processes talk about.
"""
