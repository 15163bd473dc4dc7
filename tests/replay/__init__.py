"""Whole conversations, frame by frame: the same calls and events in, the same notifications and frames out."""
