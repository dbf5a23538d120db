"""The policy network in float32 and in int8, beside each other."""
