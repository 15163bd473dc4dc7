"""The doors: JSON-RPC over WebSocket, HTTP, server-sent events."""
