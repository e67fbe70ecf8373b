# docker buildx bake -f bake.hcl — the image by hand, for the platform of the engine that builds it.
# Everything that it needs was put into PREPARED by scripts/prepare_docker.py, so it builds where there is no internet.

variable "PREPARED" {
  default = ".floe/docker"
}

variable "PROJECT" {
  default = "examples/flights/transform"
}

variable "BASE" {
  default = "floe-base:bookworm"
}

variable "TAG" {
  default = "flights:by-hand"
}

group "default" {
  targets = ["floe"]
}

target "floe" {
  context = "dockerfiles/floe"
  args = {
    BASE = BASE
  }
  contexts = {
    data    = "${PREPARED}/data"
    lock    = "${PREPARED}/lock"
    project = PROJECT
    runtime = "${PREPARED}/runtime"
    uv      = "${PREPARED}/uv"
    wheels  = "${PREPARED}/wheels"
  }
  tags   = [TAG]
  output = ["type=docker"]
}
