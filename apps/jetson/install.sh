#!/bin/sh
# From a checkout on a Jetson with JetPack 6 or later: sh apps/jetson/install.sh; --help says what else there is.
set -eu

BOARD=jetson
NAME="Jetson"
# the camera at the connector and the decoder of the chip come through GStreamer, with PyGObject
PACKAGES="python3-venv libgl1 libglib2.0-0 python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base \
gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
WANTED="cv2 gi"

repository=$(cd "$(dirname "$0")/../.." && pwd)
. "$repository/apps/camera/install.sh"

install_all "$@"
