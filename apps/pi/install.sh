#!/bin/sh
# From a checkout on a Raspberry Pi with a 64-bit system: sh apps/pi/install.sh; --help says what else there is.
set -eu

BOARD=pi
NAME="Raspberry Pi"
PACKAGES="python3-venv python3-picamera2 python3-gpiozero python3-lgpio libgl1 libglib2.0-0"
WANTED="picamera2 simplejpeg gpiozero"

repository=$(cd "$(dirname "$0")/../.." && pwd)
. "$repository/apps/camera/install.sh"

install_all "$@"
