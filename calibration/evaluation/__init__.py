"""How good a bundle is: the device code on labelled video files, with its ablations."""
