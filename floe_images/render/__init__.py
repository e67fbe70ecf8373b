"""Values in, text out: what programs inside and outside the image read."""
