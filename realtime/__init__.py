"""The realtime voice gateway: protocol, core, session, threads, agents, doors and the mock."""
