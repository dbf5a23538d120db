#!/bin/sh
# From a checkout on a Jetson with JetPack 6 or later: sh apps/jetson/install.sh; --help says what else there is.
set -eu

BOARD=jetson
NAME="Jetson"
PACKAGES="python3-venv libgl1 libglib2.0-0"
WANTED="cv2"

repository=$(cd "$(dirname "$0")/../.." && pwd)
. "$repository/apps/camera/install.sh"

# The camera at the connector comes through GStreamer, which JetPack's OpenCV has and pip's has not.
after_environment() {
    has_gstreamer='import cv2, re, sys; sys.exit(not re.search(r"GStreamer:\s*YES", cv2.getBuildInformation()))'
    if python3 -c "$has_gstreamer" 2>/dev/null; then
        echo "The system's OpenCV has GStreamer, so it is used."
        "$python" -m pip uninstall --quiet --yes opencv-python
    else
        echo "No OpenCV of the system has GStreamer, so csi:// cameras cannot be opened; USB and network cameras can."
    fi
}

install_all "$@"
