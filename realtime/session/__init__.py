"""A live call: one owner task around one conversation, its upstream and its media."""
