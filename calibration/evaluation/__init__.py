"""How good a bundle is: the device code on labeled video files, with ablations of its policy."""
