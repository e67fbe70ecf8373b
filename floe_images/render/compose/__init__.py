"""A floe project as compose files, one a service: values in, text out."""
