#!/usr/bin/env bash
# Shows that the staging portal breaks by waiting and not for want of CPU.
#
# The portal and its SMS gateway are pinned to one core beside a busy loop; the visitors (curl) have
# another. Each case lasts SECONDS_EACH (default 15) and goes through loopback only:
#
#   calm   50 OTPs/s + 50 slots/s, the SMS gateway takes 20 ms
#   late   the same visitors, the SMS gateway takes 12 s
#   flood  450 slots/s, 1.5 times the capacity, the SMS gateway takes 20 ms
#
# in both modes. Usage: benches/stage-one-core.sh [path of brownout]; a table goes to stdout.
set -euo pipefail

brownout=$(realpath "${1:-target/debug/brownout}")
lasts=${SECONDS_EACH:-15}
portal_at=127.0.0.1:18100
sms_at=127.0.0.1:18200
busy_core=0
visitors_core=1
work=$(mktemp -d)
started=()

stop_all() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    started=()
}
trap 'stop_all; rm -rf "$work"' EXIT

begin() { # runs a command beside the busy loop
    taskset -c "$busy_core" "$@" 2>>"$work/stderr" &
    started+=($!)
}

# CPU used by a process so far, in hundredths of a second (fields 14 and 15 of proc(5) stat)
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }

stats() { curl -s -m 2 "http://$portal_at/stats"; }

number() { # the first number behind a key of a JSON text
    sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" <<<"$1" | head -1
}

# One batch of visitors: `$1` OTPs and `$2` slot searches at once, each on its own connection.
batch() {
    local config=$work/batch.$3 i
    {
        for ((i = 0; i < $1; i++)); do
            printf 'next\nurl = "http://%s/otp/generate"\njson = "{\\"mobile\\":\\"9%09d\\"}"\n' \
                "$portal_at" $(($3 * 100 + i))
            printf 'max-time = 5\noutput = /dev/null\nwrite-out = "otp %%{http_code} %%{time_total}\\n"\n'
        done
        for ((i = 0; i < $2; i++)); do
            printf 'next\nurl = "http://%s/slots/110001"\n' "$portal_at"
            printf 'max-time = 5\noutput = /dev/null\nwrite-out = "slots %%{http_code} %%{time_total}\\n"\n'
        done
    } | tail -n +2 >"$config"
    taskset -c "$visitors_core" curl -s -Z --parallel-immediate --parallel-max 300 \
        -K "$config" >>"$work/answers" 2>/dev/null || true
}

# Good, shed and other answers of one kind, and the 99th percentile of the good ones.
digest() {
    awk -v kind="$1" '$1 == kind { if ($2 ~ /^2/) print $3; }' "$work/answers" | sort -n >"$work/good"
    awk -v kind="$1" -v goods="$work/good" '
        $1 == kind { all++; if ($2 ~ /^2/) good++; else if ($2 == 503) shed++ }
        END {
            while ((getline line < goods) > 0) latency[++n] = line
            p99 = n ? sprintf("%.0f ms", 1000 * latency[int((n * 99 + 99) / 100)]) : "-"
            if (all) printf "%d of %d (shed %d), p99 %s", good, all, shed, p99; else printf "-"
        }' "$work/answers"
}

case_of() { # mode, name, OTPs per 100 ms, slots per 100 ms, latency of the SMS gateway
    local mode=$1 name=$2 sms portal before after round healthy=0 probes=0 seen
    rm -f "$work"/portal.db* "$work"/batch.* "$work/answers"
    touch "$work/answers"
    begin bash -c 'while :; do :; done'
    begin "$brownout" stage cowin-sms --listen "$sms_at" --latency "$5"
    begin "$brownout" stage cowin --listen "$portal_at" --sms "http://$sms_at" \
        --mode "$mode" --db "$work/portal.db"
    portal=${started[-1]}
    curl -s -o /dev/null --retry 50 --retry-delay 0 --retry-connrefused "http://$portal_at/healthz"
    before=$(ticks "$portal")
    local batches=() next
    next=$(date +%s%N)
    for ((round = 0; round < lasts * 10; round++)); do
        batch "$3" "$4" "$round" &
        batches+=($!)
        if ((round % 20 == 19)); then
            # Liveness as a scheduler would ask it.
            probes=$((probes + 1))
            (curl -s -f -m 2 -o /dev/null "http://$portal_at/healthz" && echo ok >>"$work/health") &
            batches+=($!)
        fi
        next=$((next + 100000000))
        local rest=$((next - $(date +%s%N)))
        if ((rest > 0)); then sleep "$(printf '0.%09d' "$rest")"; fi
    done
    seen=$(stats)
    after=$(ticks "$portal")
    wait "${batches[@]}" || true
    healthy=$( (wc -l <"$work/health") 2>/dev/null || echo 0)
    rm -f "$work/health"
    local busy
    busy=$(number "$seen" workers_busy)
    printf '| %s | %s | %s | %s | %d of %d | %s | %s | %d%% |\n' "$mode" "$name" \
        "$(digest otp)" "$(digest slots)" "$healthy" "$probes" \
        "${busy:+$busy of 64}" "$(number "$seen" queue_length)" $(((after - before) / lasts))
    stop_all
}

echo '| mode | case | OTPs good | slots good | liveness | workers held | queued | CPU of the portal, share of the core |'
echo '|---|---|---|---|---|---|---|---|'
for mode in naive hardened; do
    case_of "$mode" calm 5 5 20ms
    case_of "$mode" late 5 5 12s
    case_of "$mode" flood 0 45 20ms
done
