#!/usr/bin/env bash
# Makes what the tests compare against: .venv with the pinned Python packages, and the cases under target/cases/.
# Run it as often as you like: it installs only when requirements.txt changed and makes a group of cases only when a
# script of that group changed. Any failure stops it with a message and a non-zero status.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/.venv
cases=$root/target/cases
export PYTHONDONTWRITEBYTECODE=1

die() {
    echo "setup.sh: $*" >&2
    exit 1
}

# Prints a Python of at least 3.11: $PYTHON if set, else the first one found.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "needs Python 3.11 or newer: install one, or name it with PYTHON=/path/to/python3"
}

stamp_of() {
    cat "$@" | cksum
}

# Installs the pins into .venv unless this very list is installed there already.
install() {
    local wanted python
    wanted=$(stamp_of "$here/requirements.txt")
    if [[ -x $venv/bin/python && $(cat "$venv/.stamp" 2>/dev/null) == "$wanted" ]]; then
        echo "python: .venv is up to date"
        return
    fi
    python=$(find_python)
    "$python" -m venv --clear "$venv" || die "$python cannot make a virtual environment: install its venv module"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" ||
        die "pip could not install tests/python/requirements.txt"
    echo "$wanted" >"$venv/.stamp"
    echo "python: installed $(grep -c == "$here/requirements.txt") packages into .venv ($("$venv/bin/python" -V))"
}

# group NAME SCRIPT OUT: starts SCRIPT for OUT unless the group's stamp matches; its process id goes to `running`.
running=()
group() {
    local name=$1 script=$here/$2 out=$3 stamp=$cases/.$1.stamp wanted
    if [[ ! -f $script ]]; then
        echo "cases: none of $name, there is no $script"
        return
    fi
    wanted=$(stamp_of "${script%.py}"*.py "$here/case_files.py" "$here/requirements.txt")
    if [[ $(cat "$stamp" 2>/dev/null) == "$wanted" ]]; then
        echo "cases: $name are up to date"
        return
    fi
    rm -f "$stamp"
    {
        "$venv/bin/python" "$script" "$out" && echo "$wanted" >"$stamp"
    } &
    running+=($!)
}

install
mkdir -p "$cases"
group onnx onnx_node_cases.py "$cases"
group light light_models.py "$cases"
group pipelines pipelines.py "$cases/pipelines"
group own own.py "$cases/own"
group trees trees_cases.py "$cases/trees"
group ensembles ensembles_cases.py "$cases/ensembles"
group quantized quantized_cases.py "$cases/quantized"
failed=0
for process in ${running[@]+"${running[@]}"}; do
    wait "$process" || failed=1
done
[[ $failed == 0 ]] || die "a group of cases could not be made; see above"
