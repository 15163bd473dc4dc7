"""The wires' vocabularies: Realtime events, app-server JSON-RPC, identifiers, audio chunks."""
