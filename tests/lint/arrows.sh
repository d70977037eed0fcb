#!/usr/bin/env bash
# arrows.sh: who may include what.
#
#   server -> config -> core, never back; core/import uses core, nothing in
#   core uses core/import.
#   Depth is privacy: a header is visible from the folder that contains its
#   folder.  Tests see everything.
#   Each foreign header has one home.
# shellcheck disable=SC2016 # $1 is awk's
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

find core config server tests -name '*.[ch]' -print0 |
    xargs -0 grep -nE '^ *# *include' |
    awk -F: '
    BEGIN {
        home["microhttpd.h"] = "^server/http/"
        home["cjson/cJSON.h"] = "^(core/format|core/import|server/json)/"
        home["cJSON.h"] = "^$" # written cjson/cJSON.h
        home["hdf5.h"] = home["zip.h"] = home["seccomp.h"] = "^core/import/"
        home["ini.h"] = "^config/ini_file\\.c"
        home["nettle/"] = "^core/digest\\.c"
        home["sqlite3.h"] = home["hiredis/"] = "^server/store/"
        home["gnutls/"] = "^server/store/redis_tls\\.c"
        home["curl/"] = home["cmocka.h"] = "^tests/"
        home["pthread.h"] = home["threads.h"] = "^(server|tests)/"
        home["sys/epoll.h"] = home["sys/socket.h"] = "^(server|tests)/"
    }
    function fault(why) {
        print file ":" $2 ": " why
        faults++
    }
    function folder(path) {
        return sub("/[^/]*$", "", path) ? path : ""
    }
    function first(path) {
        sub("/.*", "", path)
        return path
    }
    {
        file = $1
        line = $0
        sub(/^[^:]*:[^:]*:/, "", line)
        top = first(file)
    }
    line ~ /<[^>]*>/ {
        name = line
        sub(/^[^<]*</, "", name)
        sub(/>.*/, "", name)
        for (h in home) {
            matches = h ~ "/$" ? index(name, h) == 1 : name == h
            if (matches && file !~ home[h] && top != "tests")
                fault("<" name "> has another home")
        }
        next
    }
    line ~ /"[^"]*"/ {
        name = line
        sub(/^[^"]*"/, "", name)
        sub(/".*/, "", name)
        if (name !~ "/" || system("test -f " name)) {
            fault("\"" name "\" is not a path from the root")
            next
        }
        to = first(name)
        if (top == "tests")
            next
        if (to == "tests" || (top == "core" && to != "core") ||
            (top == "config" && to == "server"))
            fault("an arrow from " top " to " to)
        if (name ~ "^core/import/" && file !~ "^core/import/")
            fault("only core/import may include " name)
        room = folder(folder(name))
        if (room != "" && index(file, room "/") != 1)
            fault(name " is private to " room)
    }
    END { exit faults > 0 }'
