"""The doors to the outside: fetch, resolve, assemble, docker. Only this room of the toolkit starts processes or opens sockets."""
