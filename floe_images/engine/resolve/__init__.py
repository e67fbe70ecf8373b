"""Ask uv and Debian's indexes which files a Spec needs. Values out: the parts of a Lock."""
