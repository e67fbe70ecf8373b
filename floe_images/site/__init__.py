"""The platform on one machine: up, down, status, logs. `render.compose` says what it is made of, this what happens."""
