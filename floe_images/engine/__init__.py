"""The doors to the outside. In the toolkit, only this room starts processes or opens sockets."""
