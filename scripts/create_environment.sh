#!/bin/sh
# Create (or refresh) the virtual environment: create_environment.sh PYTHON FOLDER
set -eu

python=$1
folder=$2

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "segmotif: Python 3.11 or newer is needed (got $("$python" --version 2>/dev/null || echo "no $python"));" \
        "name one, as in: make PYTHON=python3.12" >&2
    exit 1
fi
if [ ! -x "$folder/bin/python" ]; then
    if ! "$python" -m venv "$folder" >/dev/null; then
        echo "segmotif: $python cannot make virtual environments; on Debian and Ubuntu run:" \
            "apt-get install -y python3-venv" >&2
        rm -rf "$folder"
        exit 1
    fi
fi
echo "installing napari-segmotif and what it needs into $folder (a few minutes the first time)"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable '.[qt,dev]' </dev/null
