// The options about listening: addresses, interfaces and TCP connections. Each row has the texts of an option, and the functions that parse
// and print its value.
#include "conf/options/listen.hpp"

#include "conf/options/option_access.hpp"

namespace lictor::conf {
namespace {

using namespace access;

Fault set_port(ListenOptions& options, const Setting& setting) {
    if (auto fault = set_number<&ListenOptions::port, 0, 65535>(options, setting)) return fault;
    if (options.port == 0) setting.notes.push_back("0 switches DNS off: lictor answers no queries");
    return std::nullopt;
}

Texts get_listen_address(const ListenOptions& options) {
    Texts out;
    for (const auto& address : options.listen_address) out.push_back(address.text());
    return out;
}

Fault set_local_service(ListenOptions& options, const Setting& setting) {
    const auto word = without_markers(setting.value);
    if (word.empty() || word == "net") options.local_service = LocalService::net;
    else if (word == "host") options.local_service = LocalService::host;
    else return shown(word) + " is neither net nor host";
    return std::nullopt;
}

Texts get_local_service(const ListenOptions& options) {
    if (options.local_service == LocalService::off) return {};
    return {options.local_service == LocalService::net ? "net" : "host"};
}

constexpr Row rows[] = {
    {.name = "port",
     .letter = 'p',
     .shape = Shape::value,
     .argument = "<port>",
     .help = "UDP and TCP port to listen on",
     .reference = "Port for queries over UDP and TCP. 0 switches DNS off, as in dnsmasq. A new port below 1024 needs a restart: on HUP "
                  "lictor no longer has the right to bind it.",
     .default_text = "53",
     .sample = "53",
     .field = field_with<&ListenOptions::port, set_port, get_number<&ListenOptions::port>>},
    {.name = "listen-address",
     .letter = 'a',
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<ip>[,<ip>]",
     .help = "addresses to listen on, separated by commas",
     .reference =
         "Addresses to listen on. Several are separated by commas or given on several lines. Without this option and without "
         "`interface` lictor listens on 127.0.0.1 and ::1 only, unlike dnsmasq. With 0.0.0.0 or :: lictor answers every client in "
         "the networks that this machine has an address in, and no other client. With the option `strict`, 0.0.0.0 and :: are errors. "
         "If this machine does not have an address, lictor logs a warning, and listens there when the address comes. For a port below "
         "1024 it keeps CAP_NET_BIND_SERVICE for that. With `bind-interfaces` an absent address ends the start, as in dnsmasq.",
     .default_text = "127.0.0.1 and ::1",
     .sample = "127.0.0.1",
     .refuses_empty = true,
     .field = field_with<&ListenOptions::listen_address, add_list<&ListenOptions::listen_address, parse_address>, get_listen_address>},
    {.name = "interface",
     .letter = 'i',
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<name>[,<name>]",
     .help = "interface to listen on; a `*` at the end matches any ending",
     .reference =
         "Listens on the addresses of this interface. A `*` at the end matches any ending. Several interfaces are separated by commas "
         "or given on several lines. The loopback interface is added, as in dnsmasq. If an interface is absent, lictor logs a warning, "
         "and listens there when it comes. With `bind-interfaces` an absent interface ends the start, as in dnsmasq.",
     .default_text = "none",
     .sample = "eth0",
     .field = items<&ListenOptions::interface, parse_interface>},
    {.name = "bind-interfaces",
     .letter = 'z',
     .times = Times::repeatable,
     .help = "refuse to start if a listen address or interface is absent",
     .reference = "lictor does not start if this machine does not have an address of `listen-address` or an interface of `interface`, as "
                  "dnsmasq. It does not follow later changes of the interfaces' addresses, unless `bind-dynamic` is given. lictor always "
                  "binds each listen address separately.",
     .default_text = "off",
     .field = flag<&ListenOptions::bind_interfaces>},
    {.name = "except-interface",
     .letter = 'I',
     .shape = Shape::value,
     .times = Times::repeatable,
     .argument = "<name>[,<name>]",
     .help = "interface not to listen on",
     .reference =
         "Does not listen on the addresses of this interface. A `*` at the end matches any ending. This option takes precedence over "
         "`interface`.",
     .default_text = "none",
     .sample = "docker0",
     .field = items<&ListenOptions::except_interface, parse_interface>},
    {.name = "bind-dynamic",
     .times = Times::repeatable,
     .help = "follow changes of interface addresses",
     .reference =
         "Follows the addresses of the configured interfaces: lictor listens on an address when it is added and stops when it is removed.",
     .default_text = "on if `interface` or `except-interface` is given without `bind-interfaces`",
     .field = flag<&ListenOptions::bind_dynamic>},
    {.name = "local-service",
     .shape = Shape::optional,
     .argument = "[=net|host]",
     .help = "accepted for dnsmasq's files; without effect",
     .reference =
         "Accepted for existing files; `net`, `host` and the absence of the option have the same effect. If lictor listens on 0.0.0.0 or "
         "::, it answers only clients in networks that this machine has an address in, otherwise every client.",
     .default_text = "off",
     .sample = "net",
     .refuses_empty = true,
     .field = field_with<&ListenOptions::local_service, set_local_service, get_local_service>},
    {.name = "max-tcp-connections",
     .shape = Shape::value,
     .reload = Reload::restart,
     .argument = "<n>",
     .help = "maximum number of open TCP connections",
     .reference =
         "Maximum number of TCP connections open at once, divided among the workers. Without this option each worker accepts 1000.",
     .default_text = "1000 for each worker",
     .sample = "200",
     .refuses_empty = true,
     .field = number<&ListenOptions::max_tcp_connections, 1, 100000>},
};
static_assert(every_field_has_a_row<ListenOptions>(rows));

}  // namespace

const RowGroup listen_group{"Listening", rows};

}  // namespace lictor::conf
