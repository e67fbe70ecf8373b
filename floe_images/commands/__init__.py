"""One file a verb, each a short list of named steps."""
