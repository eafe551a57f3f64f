// Header lines into HttpReply's fields; unreadable values are taken as absent.
#include "watch/http_header.hpp"

#include <algorithm>

#include "conf/base/address.hpp"

namespace lictor {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    return text;
}

}  // namespace

void note_header(HttpReply& reply, std::string_view line) {
    if (line.starts_with("HTTP/")) {
        const auto address = reply.address;
        reply = {};
        reply.address = address;
        return;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const auto name = trimmed(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (same_word(name, "x-consul-index")) {
        if (const auto index = parse_number(value, ~std::uint64_t{0})) {
            reply.index = *index;
            reply.has_index = true;
        }
    } else if (same_word(name, "x-consul-knownleader")) {
        reply.known_leader = !same_word(value, "false");
    } else if (same_word(name, "x-consul-lastcontact")) {
        reply.last_contact_ms = parse_number(value, ~std::uint64_t{0}).value_or(0);
    } else if (same_word(name, "x-consul-results-filtered-by-acls")) {
        reply.filtered_by_acl = same_word(value, "true");
    } else if (same_word(name, "x-consul-query-backend")) {
        reply.streaming = same_word(value, "streaming");
    } else if (same_word(name, "x-consul-translate-addresses")) {
        reply.translate_addresses = same_word(value, "true");
    } else if (same_word(name, "retry-after")) {
        reply.retry_after = seconds(static_cast<std::int64_t>(parse_number(value, 86'400).value_or(0)));
    } else if (same_word(name, "content-type")) {
        reply.content_type = std::string(value.substr(0, 200));
    }
}

}  // namespace lictor
