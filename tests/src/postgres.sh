#!/usr/bin/env bash
# A PostgreSQL server for tests: prints its address in one line when it is ready, runs until its
# standard input ends, then stops and leaves nothing behind. Nothing in it survives: it does not
# even wait for the disk. initdb refuses root, so root steps down to the user postgres.
set -euo pipefail

# Debian keeps the server's programs out of PATH.
newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 || true)
PATH="${newest:+$newest:}$PATH"
for program in initdb postgres pg_ctl; do
    if ! command -v "$program" >/dev/null; then
        echo "PostgreSQL is missing: no $program. On Debian: apt-get install postgresql" >&2
        exit 1
    fi
done

as_server=()
if [ "$(id -u)" = 0 ]; then
    as_server=(setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/tmp)
fi

directory=$(mktemp -d "${TMPDIR:-/tmp}/huimin-postgres.XXXXXX")
cd "$directory"
if [ "$(id -u)" = 0 ]; then
    chown postgres "$directory"
fi
stop() {
    trap - EXIT
    "${as_server[@]}" pg_ctl -D "$directory/data" -m immediate stop >/dev/null 2>&1 || true
    cd /
    rm -rf "$directory"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

if ! "${as_server[@]}" initdb -D "$directory/data" -U postgres --auth=trust --encoding=UTF8 \
    --locale=C.UTF-8 --no-sync >"$directory/initdb.log" 2>&1; then
    cat "$directory/initdb.log" >&2
    exit 1
fi
settings=(
    -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$directory"
    -c fsync=off -c full_page_writes=off -c synchronous_commit=off
    -c max_connections=300 -c shared_buffers=128MB
)
for _ in 1 2 3 4 5 6 7 8; do
    port=$((20000 + RANDOM % 12000))
    # setsid: a key press that stops the tests must not stop the server before them.
    if setsid "${as_server[@]}" pg_ctl -D "$directory/data" -w -t 60 -l "$directory/server.log" \
        -o "-p $port ${settings[*]}" start >/dev/null 2>&1 </dev/null; then
        echo "postgres://postgres@127.0.0.1:$port"
        cat >/dev/null
        exit 0
    fi
done
cat "$directory/server.log" >&2
exit 1
