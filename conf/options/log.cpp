// The options about logging and the dump of packets. Each row has the texts of an option, and the functions that parse and print its value.
#include "conf/options/log.hpp"

#include <algorithm>

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

constexpr std::uint32_t queue_lines_max = 100, queue_lines_bare = 5;  // dnsmasq's maximum, and the length without a value

Fault set_log_queries(LogOptions& options, const Setting& setting) {
    const auto word = without_markers(setting.value);
    auto& logging = options.log_queries;
    if (word == "extra") logging = QueryLogging::extra;
    else if (logging == QueryLogging::off) logging = QueryLogging::plain;
    // dnsmasq accepts any word here and ignores unknown ones.
    if (!word.empty() && word != "extra") setting.notes.push_back(shown(word) + " is ignored: the only value is `extra`");
    return std::nullopt;
}

Texts get_log_queries(const LogOptions& options) {
    if (options.log_queries == QueryLogging::off) return {};
    return {options.log_queries == QueryLogging::extra ? "extra" : ""};
}

Fault set_log_queries_only(LogOptions& options, const Setting& setting) {
    QuerySelection& only = options.log_queries_only;
    for (const auto& item : split_list(setting.value)) {
        const std::string word = without_markers(item);
        const auto after = [&](std::string_view start) {
            return word.starts_with(start) ? parse_number(word.substr(start.size()), 1'000'000'000) : std::nullopt;
        };
        if (word == "errors") only.errors = true;
        else if (const auto every = after("1/"); every && *every > 0) only.one_in = static_cast<std::uint32_t>(*every);
        else if (const auto limit = after("slow/"); limit && *limit > 0) only.slow_ms = static_cast<std::uint32_t>(*limit);
        else return shown(word) + " is none of `errors`, `slow/MILLISECONDS` and `1/N`";
    }
    return std::nullopt;
}

Texts get_log_queries_only(const LogOptions& options) {
    const QuerySelection& only = options.log_queries_only;
    std::string text;
    const auto add = [&](const std::string& word) { text += (text.empty() ? "" : ",") + word; };
    if (only.errors) add("errors");
    if (only.slow_ms) add("slow/" + std::to_string(only.slow_ms));
    if (only.one_in) add("1/" + std::to_string(only.one_in));
    return text.empty() ? Texts{} : Texts{text};
}

Fault set_log_format(LogOptions& options, const Setting& setting) {
    const auto word = without_markers(setting.value);
    if (word != "text" && word != "json") return shown(word) + " is neither `text` nor `json`";
    options.log_format = word == "json" ? LogFormat::json : LogFormat::text;
    return std::nullopt;
}

Texts get_log_format(const LogOptions& options) { return options.log_format == LogFormat::json ? Texts{"json"} : Texts{}; }

Fault set_dnstap(LogOptions& options, const Setting& setting) {
    constexpr std::string_view scheme = "unix:";
    constexpr std::size_t path_max = 107;  // unix(7), less the ending zero
    std::string path = without_markers(setting.value);
    if (!path.starts_with(scheme)) return shown(path) + " is not unix:PATH; dnstap needs the path of the reader's unix socket";
    path.erase(0, scheme.size());
    if (!path.starts_with('/')) return shown(path) + " is not an absolute path: write unix:/run/dnstap.sock for instance";
    if (path.size() > path_max) return shown(path) + " is longer than a unix socket's path may be (107 bytes)";
    options.dnstap = path;
    return std::nullopt;
}

Texts get_dnstap(const LogOptions& options) { return options.dnstap.empty() ? Texts{} : Texts{quoted("unix:" + options.dnstap)}; }

Fault set_log_async(LogOptions& options, const Setting& setting) {
    if (setting.value.empty()) {
        options.log_async = queue_lines_bare;
        return std::nullopt;
    }
    const auto text = without_markers(setting.value);
    const auto lines = parse_number(text, 0x7fffffff);
    if (!lines) return shown(text) + " is not a plain decimal number";
    options.log_async = static_cast<std::uint32_t>(std::min<std::uint64_t>(*lines, queue_lines_max));
    return std::nullopt;
}

Fault set_dumpmask(LogOptions& options, const Setting& setting) {
    // Number syntax of C: 0x begins hexadecimal, 0 begins octal.
    std::string_view digits = setting.value;
    unsigned base = 10;
    if (digits.starts_with("0x") || digits.starts_with("0X")) base = 16, digits.remove_prefix(2);
    else if (digits.size() > 1 && digits.starts_with('0')) base = 8, digits.remove_prefix(1);
    std::uint64_t mask = 0;
    for (const char c : digits) {
        const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                               : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                               : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                                      : 99;
        mask = mask * base + digit;
        if (digit >= base || mask > 0xffffffff) return shown(setting.value) + " is not a mask: write 0x1000 for instance";
    }
    if (digits.empty()) return shown(setting.value) + " is not a mask: write 0x1000 for instance";
    options.dumpmask = static_cast<std::uint32_t>(mask);
    return std::nullopt;
}

constexpr Row rows[] = {
    {.name = "log-queries",
     .letter = 'q',
     .shape = Shape::optional,
     .times = Times::repeatable,
     .argument = "[=extra]",
     .help = "log every query",
     .reference = "Logs each query and the source of its answer, in dnsmasq's format. `extra` adds a serial number and the client's "
                  "address at the beginning of each line, so that the lines of one query can be found.",
     .default_text = "off",
     .field = field_with<&LogOptions::log_queries, set_log_queries, get_log_queries>},
    {.name = "log-queries-only",
     .shape = Shape::value,
     .times = Times::repeatable,
     .own = true,
     .argument = "errors|slow/<ms>|1/<n>[,...]",
     .help = "log only these queries, one line each",
     .reference =
         "Logs only some queries, each with one line when it is answered: name, type, client, response code, source, duration, and "
         "the addresses or the cause. `errors`: replies with a response code other than NOERROR and NXDOMAIN. `slow/200`: replies "
         "after 200 ms or more. `1/100`: one query of a hundred, chosen at random. A query of any of the kinds is logged; the "
         "lines of `log-queries` are left out.",
     .default_text = "off",
     .sample = "errors,slow/200,1/1000",
     .field = field_with<&LogOptions::log_queries_only, set_log_queries_only, get_log_queries_only>},
    {.name = "log-format",
     .shape = Shape::value,
     .own = true,
     .reload = Reload::restart,
     .argument = "text|json",
     .help = "format of log lines",
     .reference = "`json`: each line is one JSON object with `time` (UTC), `level`, `program`, `pid` and `text`.",
     .default_text = "text",
     .sample = "json",
     .field = field_with<&LogOptions::log_format, set_log_format, get_log_format>},
    {.name = "log-facility",
     .letter = '8',
     .shape = Shape::emptiable,
     .reload = Reload::restart,
     .argument = "<facility>|<path>|-",
     .help = "destination of the log",
     .reference = "Empty: stdout. `-`: stderr. A path: that file, which is opened again on USR2. Any other word: a syslog facility.",
     .default_text = "empty (stdout)",
     .sample = "-",
     .field = field_with<&LogOptions::log_facility, set_checked<&LogOptions::log_facility, parse_log_facility>,
                         get_emptiable<&LogOptions::log_facility>>},
    {.name = "log-async",
     .shape = Shape::optional,
     .reload = Reload::restart,
     .argument = "[=<lines>]",
     .help = "number of log lines that may wait before lines are dropped",
     .reference = "The log never delays an answer: lines wait in a queue. When the queue is full, the oldest lines are dropped and "
                  "counted. The maximum is 100; without a number the length is 5.",
     .default_text = "512",
     .sample = "20",
     .field = field_with<&LogOptions::log_async, set_log_async, get_number<&LogOptions::log_async>>},
    {.name = "log-debug",
     .times = Times::repeatable,
     .reload = Reload::restart,
     .help = "log debug messages",
     .reference = "Logs additional messages for finding faults.",
     .default_text = "off",
     .field = flag<&LogOptions::log_debug>},
    {.name = "dumpfile",
     .shape = Shape::value,
     .reload = Reload::restart,
     .argument = "<path>",
     .help = "write DNS packets to this file (pcap)",
     .reference = "Writes queries and replies to this file in pcap format, for Wireshark.",
     .default_text = "none",
     .sample = "/tmp/lictor.pcap",
     .field = text<&LogOptions::dumpfile>},
    {.name = "dumpmask",
     .shape = Shape::value,
     .reload = Reload::restart,
     .argument = "<mask>",
     .help = "packets that dumpfile receives",
     .reference = "Bit mask of the packets that `dumpfile` receives: 0x1 queries of clients, 0x2 replies to clients, 0x4 queries to "
                  "upstreams, 0x8 replies of upstreams.",
     .default_text = "0xffff",
     .sample = "0xffff",
     .field = field_with<&LogOptions::dumpmask, set_dumpmask, get_number<&LogOptions::dumpmask>>},
    {.name = "dnstap",
     .shape = Shape::value,
     .own = true,
     .reload = Reload::restart,
     .argument = "unix:<path>",
     .help = "send DNS messages to a dnstap reader",
     .reference =
         "Sends queries and replies, of clients and of upstreams, to the dnstap reader that listens on this unix socket, for example "
         "fstrm_capture. The reader may come and go: lictor connects again each second. Messages that it does not take in time "
         "are dropped and counted. The socket must be writable for the user that lictor becomes.",
     .default_text = "none",
     .sample = "unix:/run/dnstap.sock",
     .field = field_with<&LogOptions::dnstap, set_dnstap, get_dnstap>},
};
static_assert(every_field_has_a_row<LogOptions>(rows));

}  // namespace

const RowGroup log_group{"Logging", rows};

}  // namespace lictor::conf
