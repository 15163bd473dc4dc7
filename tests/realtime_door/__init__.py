"""The Realtime API on the gateway: stock clients, its face in memory, bad clients."""
