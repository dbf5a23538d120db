"""What the program withstands: copies in disguise, kills at any moment, a day of a stream."""
