// `nameserver ADDRESS[%SCOPE]`, line by line; as in dnsmasq, `server` is the same word.
#include "resolver/rules/resolv_conf.hpp"

#include "resolver/rules/text_lines.hpp"

namespace lictor::rules {

std::vector<ResolvServer> parse_resolv_conf(std::string_view text, std::string_view path, std::vector<std::string>& notes) {
    constexpr std::size_t servers_max = 64;
    std::vector<ResolvServer> servers;
    std::string_view line;
    for (std::size_t number = 1; take_line(text, line); ++number) {
        const auto word = take_word(line);
        if (word != "nameserver" && word != "server") continue;
        const auto value = take_word(line);
        const auto percent = value.find('%');
        const auto address = Address::parse(value.substr(0, percent));
        if (!address || servers.size() == servers_max) {
            notes.push_back(std::string(path) + ':' + std::to_string(number) +
                            (address ? ": too many nameservers; skipped" : ": nameserver without an address; skipped"));
            if (servers.size() == servers_max) break;
            continue;
        }
        servers.push_back({*address, percent == std::string_view::npos ? std::string() : std::string(value.substr(percent + 1))});
    }
    return servers;
}

bool is_resolved_stub(const Address& address) { return address == Address::v4(127, 0, 0, 53) || address == Address::v4(127, 0, 0, 54); }

std::string search_domain(std::string_view text) {
    std::string found;
    std::string_view line;
    while (take_line(text, line)) {
        const auto word = take_word(line);
        if (word == "search" || word == "domain") found = take_word(line);
    }
    return found;
}

}  // namespace lictor::rules
