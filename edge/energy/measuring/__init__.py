"""The protocol of a measurement, from clips to figures: what runs, when, and what the joules say."""
