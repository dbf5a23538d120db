"""Teachers: what other networks say of clips, computed once, stored, and learned from."""
