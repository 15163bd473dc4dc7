"""The Realtime API as a client of ours sees it: a face of the conversation, without I/O."""
