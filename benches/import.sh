#!/bin/sh
# How fast and in how much memory `brownout import` reads a gigabyte: an access log and JSON lines, made
# here with awk. Needs a release build. Usage: benches/import.sh [FOLDER FOR THE LOGS]
set -eu
cd "$(dirname "$0")/.."
folder=${1:-target/import-bench}
brownout=target/release/brownout
mkdir -p "$folder"

# six million lines in twelve days, six routes, two of them with ids
make_log() {
    awk -v kind="$1" 'BEGIN {
        srand(5); lines = 6000000; span = 12 * 86400
        split("/slots/ /otp/generate /otp/confirm /certificate/ / /static/app.3f2a9b8c.js", route, " ")
        for (i = 0; i < lines; i++) {
            s = int(i * span / lines); r = 1 + int(rand() * 6); path = route[r]
            if (r == 1 || r == 4) path = path int(rand() * 99999)
            method = (r == 2 || r == 3) ? "POST" : "GET"
            status = rand() < 0.05 ? 503 : 200
            if (kind == "access")
                printf "10.%d.%d.7 - - [%02d/Apr/2021:%02d:%02d:%02d +0530] \"%s %s HTTP/1.1\" %d %d \"https://portal.example/x\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/90\"\n", i % 256, i % 199, 10 + int(s / 86400), int(s / 3600) % 24, int(s / 60) % 60, s % 60, method, path, status, i % 9999
            else if (i % 2)
                printf "{\"level\":\"info\",\"ts\":%d.%03d,\"logger\":\"http.log.access\",\"msg\":\"handled request\",\"request\":{\"remote_ip\":\"10.0.0.7\",\"proto\":\"HTTP/2.0\",\"method\":\"%s\",\"host\":\"portal.example\",\"uri\":\"%s?x=1\",\"headers\":{\"User-Agent\":[\"Mozilla/5.0\"],\"Accept\":[\"*/*\"]}},\"bytes_read\":0,\"duration\":0.0012,\"size\":%d,\"status\":%d}\n", 1618000000 + s, i % 1000, method, path, i % 9999, status
        }
    }' > "$folder/$1.log"
}

for kind in access json; do
    [ -s "$folder/$kind.log" ] || make_log $kind
    size=$(wc -c < "$folder/$kind.log")
    cat "$folder/$kind.log" > /dev/null # what is measured is not the disk
    for round in 1 2 3 4 5; do
        rm -rf "$folder/made"
        python3 - "$brownout" "$folder/$kind.log" "$folder/made" "$size" <<'PYTHON'
import resource, subprocess, sys, time
brownout, log, made, size = sys.argv[1:]
begin = time.monotonic()
child = subprocess.Popen([brownout, "import", log, "-o", made], stderr=subprocess.DEVNULL)
most = 0
while child.poll() is None:
    try:
        with open(f"/proc/{child.pid}/status") as status:
            most = max([most] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
    except OSError:
        pass
    time.sleep(0.01)
assert child.returncode == 0
wall = time.monotonic() - begin
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = used.ru_utime + used.ru_stime
mb = int(size) / 1e6
print(f"{log.rsplit('/')[-1]}: {mb:.0f} MB, {wall:.2f} s = {mb / wall:.0f} MB/s, "
      f"cpu {cpu:.2f} s = {mb / cpu:.0f} MB/s, at most {most / 1024:.1f} MB of memory")
PYTHON
    done
done
