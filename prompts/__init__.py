"""Words that the model reads: templates beside this module, rendered in a sandbox."""
