"""The runtime without a container: an environment of the lock's pins, laid out on this machine as in the image."""
