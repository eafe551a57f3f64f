# bash completion for lictor. Generated from the tables of options and commands: do not edit.
_lictor() {
    local cur prev words cword split at word command=
    _init_completion -s || return
    case $prev in
        --local-service) COMPREPLY=($(compgen -W 'net host' -- "$cur")); return ;;
        --add-mac) COMPREPLY=($(compgen -W 'base64 text' -- "$cur")); return ;;
        --log-queries|-q) COMPREPLY=($(compgen -W 'extra' -- "$cur")); return ;;
        --log-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
        --seccomp) COMPREPLY=($(compgen -W 'on off kill' -- "$cur")); return ;;
        --landlock) COMPREPLY=($(compgen -W 'on off' -- "$cur")); return ;;
        --consul-consistency) COMPREPLY=($(compgen -W 'stale default consistent' -- "$cur")); return ;;
        --consul-only-passing) COMPREPLY=($(compgen -W 'on off' -- "$cur")); return ;;
        --consul-dns-compat) COMPREPLY=($(compgen -W 'fixed strict' -- "$cur")); return ;;
        --leader-probe) COMPREPLY=($(compgen -W 'on off' -- "$cur")); return ;;
        --resolv-file|-r|--servers-file|--addn-hosts|-H|--log-facility|-8|--dumpfile|--dnstap|--pid-file|-x|--consul-token-file|--consul-ca-file|--consul-cert-file|--consul-key-file|--snapshot-file|--leader-exec|--shadow|--conf-file|-C) _filedir; return ;;
        --hostsdir|--conf-dir|-7) _filedir -d; return ;;
    esac
    for ((at = 1; at < cword; at++)); do
        word=${words[at]}
        case $word in
            --port|-p|--listen-address|-a|--interface|-i|--except-interface|-I|--max-tcp-connections|--server|-S|--local|--resolv-file|-r|--rev-server|--servers-file|--dns-forward-max|-0|--query-port|-Q|--min-port|--max-port|--port-limit|--forward-timeout|--add-cpe-id|--address|-A|--host-record|--cname|--addn-hosts|-H|--hostsdir|--domain|-s|--domain-suffix|--txt-record|-Y|--ptr-record|--srv-host|-W|--mx-host|-m|--mx-target|-t|--naptr-record|--caa-record|--dns-rr|--interface-name|--dynamic-host|--synth-domain|--bogus-nxdomain|-B|--ignore-address|--rebind-domain-ok|--filter-rr|--alias|-V|--edns-packet-max|-P|--local-ttl|-T|--max-ttl|--rrl-ratelimit|--rrl-slip|--rrl-exempt|--cache-size|-c|--neg-ttl|--max-cache-ttl|--min-cache-ttl|--cache-rr|--log-queries-only|--log-format|--log-facility|-8|--dumpfile|--dumpmask|--dnstap|--user|-u|--group|-g|--pid-file|-x|--threads|--memory-max|--seccomp|--consul-http-addr|--consul-token-file|--consul-ca-file|--consul-cert-file|--consul-key-file|--consul-tls-server-name|--consul-datacenter|--consul-domain|--consul-dns|--consul-consistency|--consul-service-ttl|--consul-node-ttl|--consul-watch|--consul-watch-max|--consul-watch-idle|--consul-max-stale|--consul-dns-compat|--snapshot-file|--leader|--leader-max-stale|--leader-max-lag|--leader-flush|--leader-soa|--leader-hold|--leader-hold-max|--leader-exec|--leader-exec-timeout|--stats-address|--stats-host|--shadow|--conf-file|-C|--conf-dir|-7)
                if [[ ${words[at + 1]-} == '=' ]]; then ((at += 2)); else ((at += 1)); fi ;;
            -* | =) ;;
            *) [[ ${words[at - 1]} == '=' ]] || { command=$word; break; } ;;
        esac
    done
    case $command in
        '') ;;
        stats)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--watch= --json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        explain)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        leaders)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        failovers)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        services)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        shadow)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        health)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        ready)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        wait)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--ready --leader= --timeout= --json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        flush)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        reload)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        doctor)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json --stats-address= --help' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        import)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--json' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            _filedir
            return ;;
        init)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W '--supervised' -- "$cur"))
                [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
                return
            fi
            return ;;
        help)
            COMPREPLY=($(compgen -W 'stats explain leaders failovers services shadow health ready wait flush reload doctor import init help version' -- "$cur"))
            return ;;
        version)
            return ;;
        *) return ;;
    esac
    $split && return
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W '--port= --listen-address= --interface= --bind-interfaces --except-interface= --bind-dynamic --local-service= --local-service --max-tcp-connections= --server= --local= --no-resolv --resolv-file= --rev-server= --servers-file= --no-poll --dns-loop-detect --strict-order --all-servers --dns-forward-max= --query-port= --min-port= --max-port= --port-limit= --forward-timeout= --fast-dns-retry= --fast-dns-retry --do-0x20-encode --no-0x20-encode --no-send-cookie --proxy-dnssec --add-subnet= --add-subnet --strip-subnet --add-mac= --add-mac --strip-mac --add-cpe-id= --address= --host-record= --cname= --no-hosts --addn-hosts= --hostsdir= --expand-hosts --domain= --domain-suffix= --txt-record= --ptr-record= --srv-host= --mx-host= --mx-target= --localmx --selfmx --naptr-record= --caa-record= --dns-rr= --interface-name= --dynamic-host= --synth-domain= --bogus-nxdomain= --ignore-address= --stop-dns-rebind --rebind-localhost-ok --rebind-domain-ok= --filter-A --filter-AAAA --filter-rr= --alias= --edns-packet-max= --domain-needed --bogus-priv --local-ttl= --max-ttl= --localise-queries --no-ident --rrl-ratelimit= --rrl-slip= --rrl-exempt= --no-answer-cookie --filterwin2k --no-round-robin --cache-size= --no-negcache --neg-ttl= --max-cache-ttl= --min-cache-ttl= --clear-on-reload --use-stale-cache= --use-stale-cache --cache-rr= --log-queries= --log-queries --log-queries-only= --log-format= --log-facility= --log-async= --log-async --log-debug --dumpfile= --dumpmask= --dnstap= --user= --group= --pid-file= --keep-in-foreground --no-daemon --threads= --memory-max= --strict --seccomp= --landlock= --landlock --core-dumps --consul-http-addr= --consul-token-file= --consul-ca-file= --consul-cert-file= --consul-key-file= --consul-tls-server-name= --consul-datacenter= --consul-domain= --consul-dns= --consul-consistency= --consul-only-passing= --consul-only-passing --consul-service-ttl= --consul-node-ttl= --consul-watch= --consul-watch-max= --consul-watch-idle= --consul-max-stale= --consul-dns-compat= --snapshot-file= --leader= --leader-probe= --leader-probe --leader-max-stale= --leader-max-lag= --leader-last-resort --leader-flush= --leader-cut --leader-soa= --leader-hold= --leader-hold-max= --leader-exec= --leader-exec-timeout= --leader-exec-net-admin --stats-address= --stats-host= --shadow= --conf-file= --conf-dir= --test --version --help' -- "$cur"))
        [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
    else
        COMPREPLY=($(compgen -W 'stats explain leaders failovers services shadow health ready wait flush reload doctor import init help version' -- "$cur"))
    fi
} &&
    complete -F _lictor lictor
