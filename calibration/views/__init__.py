"""What networks see of clips where boxes lie in whole frames: as the device does, or augmented to train on."""
