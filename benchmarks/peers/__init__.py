"""Our files beside those that stock converters make of the same networks, and beside published models of others."""
