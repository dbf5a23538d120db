# What the install scripts of all boards share; each sets BOARD, NAME, PACKAGES and WANTED, and calls `install_all`.

usage() {
    cat <<TEXT
sh apps/$BOARD/install.sh [--service] [--web ADDRESS] [--source ADDRESS] [--prefix DIR] [--extras LIST] [--no-apt] [--no-start]

Installs the program of a camera on a $NAME: packages of the system, an environment of its own, doctor, selftest, and
then the page.

  --service         install it for good, as a service that starts with the board (needs sudo)
  --web ADDRESS     serve the page to other machines, too: --web 0.0.0.0:8080; they are asked for a token
  --source ADDRESS  recognize this camera, stream or file, not csi://0
  --prefix DIR      install into this folder: ~/adafocus, or /opt/adafocus for a service
  --extras LIST     install these extras of the package, too: --extras mqtt
  --no-apt          leave the packages of the system as they are
  --no-start        end after selftest
TEXT
}

say() { printf '\n%s\n' "== $*"; }
fail() { printf '%s\n' "install: $*" >&2; exit 2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

read_options() {
    service= web= source= prefix= apt=yes start=yes extras=litert
    while [ $# -gt 0 ]; do
        case $1 in
            --service) service=yes ;;
            --no-apt) apt= ;;
            --no-start) start= ;;
            --web|--source|--prefix|--extras)
                [ $# -ge 2 ] || fail "$1 needs a value. Type: sh apps/$BOARD/install.sh --help"
                case $1 in
                    --web) web=$2 ;;
                    --source) source=$2 ;;
                    --prefix) prefix=$2 ;;
                    --extras) extras="litert,$2" ;;
                esac
                shift ;;
            -h|--help) usage; exit 0 ;;
            *) fail "$1 is no option. Type: sh apps/$BOARD/install.sh --help" ;;
        esac
        shift
    done
    [ -n "$prefix" ] || { [ -n "$service" ] && prefix=/opt/adafocus || prefix=$HOME/adafocus; }
    [ -z "$service" ] || [ "$prefix" = /opt/adafocus ] || fail "The service runs from /opt/adafocus. Leave out --prefix."
}

check_system() {
    [ "$(getconf LONG_BIT)" = 64 ] || fail "This system has 32 bits, and LiteRT has none for it. Write a 64-bit system to the card."
    command -v python3 >/dev/null || fail "There is no python3 here. Install it: sudo apt-get install python3"
    python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' ||
        fail "This is $(python3 -V), expected Python 3.10 to 3.13. Use a system that brings one of them."
    free_kb=$(df -Pk "$(existing "$prefix")" | awk 'NR == 2 { print $4 }')
    [ "$free_kb" -gt 1000000 ] || fail "Only $((free_kb / 1000)) MB are free at $prefix, expected 1000 MB. Make room on the card."
}

# the nearest folder above a path that is there
existing() {
    folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    printf '%s' "$folder"
}

install_packages() {
    say "Packages of the system"
    as_root apt-get update -qq
    known=
    for package in $PACKAGES; do
        if apt-cache show "$package" >/dev/null 2>&1; then
            known="$known $package"
        else
            echo "left out, because this system does not have it: $package"
        fi
    done
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $known
}

# Packages of the system that are built for numpy 1 (Picamera2 with simplejpeg on Bookworm, OpenCV of JetPack) break
# where pip puts numpy 2 over it. So numpy stays below 2 where the system's is, and OpenCV at the last that takes it.
write_constraints() {
    major=$(python3 -c 'import numpy; print(numpy.__version__.partition(".")[0])' 2>/dev/null || echo none)
    if [ "$major" = 1 ]; then
        echo "The system's packages are built for numpy 1, so numpy stays below 2."
        printf 'numpy<2\nopencv-python<4.12\n' > "$1"
    else
        : > "$1"
    fi
}

make_environment() {
    say "Environment in $prefix/venv"
    mkdir -p "$prefix"
    [ -x "$python" ] || python3 -m venv --system-site-packages "$prefix/venv" ||
        fail "The environment cannot be made. Install what it needs: sudo apt-get install python3-venv"
    write_constraints "$prefix/constraints.txt"
    "$python" -m pip install --quiet --disable-pip-version-check -c "$prefix/constraints.txt" "$repository[$extras]"
    cp "$repository/bundles/x3d-xs-frame-k400-litert.zip" "$prefix/bundle.zip"
    for module in $WANTED; do
        if ! python3 -c "import importlib.util, sys; sys.exit(importlib.util.find_spec('$module') is None)"; then
            echo "not on this system: $module"
        elif "$python" -c "import $module" 2>"$prefix/problem.txt"; then
            echo "works in the environment: $module"
        else
            echo "does not work in the environment: $module ($(tail -n 1 "$prefix/problem.txt"))"
        fi
    done
    rm -f "$prefix/problem.txt"
}

check_program() {
    say "Doctor"
    "$python" -m adafocus doctor "$prefix/bundle.zip"
    say "Selftest"
    "$python" -m adafocus selftest "$prefix/bundle.zip"
}

install_service() {
    say "Service"
    id adafocus >/dev/null 2>&1 ||
        as_root useradd --system --home-dir /var/lib/adafocus --shell /usr/sbin/nologin adafocus
    for group in video render gpio i2c; do
        if getent group "$group" >/dev/null; then as_root usermod -aG "$group" adafocus; fi
    done
    as_root install -m 644 "$repository/apps/$BOARD/adafocus-camera.service" /etc/systemd/system/
    if [ ! -e /etc/default/adafocus-camera ] || [ -n "$web$source" ]; then
        options=$source
        [ -z "$web" ] || options="$options --web $web --token-file /var/lib/adafocus/token"
        as_root install -m 600 "$repository/apps/camera/adafocus-camera.default" /etc/default/adafocus-camera
        printf 'OPTIONS="%s"\n' "$options" | as_root tee -a /etc/default/adafocus-camera >/dev/null
    fi
    as_root systemctl daemon-reload
    [ -n "$start" ] || return 0
    as_root systemctl enable --quiet adafocus-camera
    as_root systemctl restart adafocus-camera
    echo "It runs. How it does: systemctl status adafocus-camera"
    if [ -n "$web" ]; then
        echo "The page is at http://$(hostname).local:${web##*:} and asks for this token: sudo cat /var/lib/adafocus/token"
    else
        echo "The page is at http://127.0.0.1:8080 on this board. From elsewhere: ssh -L 8080:127.0.0.1:8080 $(hostname).local"
    fi
}

start_page() {
    [ -n "$start" ] || { echo "Start it: $python -m adafocus.apps.$BOARD --bundle $prefix/bundle.zip"; return 0; }
    say "The page; Ctrl-C ends it"
    set -- --bundle "$prefix/bundle.zip"
    [ -z "$source" ] || set -- "$@" "$source"
    [ -z "$web" ] || set -- "$@" --web "$web" --token-file "$prefix/token"
    exec "$python" -m "adafocus.apps.$BOARD" "$@"
}

install_all() {
    read_options "$@"
    python=$prefix/venv/bin/python
    check_system
    [ -z "$apt" ] || install_packages
    if [ -n "$service" ] && [ "$(id -u)" != 0 ]; then
        as_root mkdir -p "$prefix"
        as_root chown "$(id -u)" "$prefix"
    fi
    make_environment
    check_program
    if [ -n "$service" ]; then install_service; else start_page; fi
}
