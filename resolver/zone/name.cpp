// Parses names below a Consul domain.
#include "resolver/zone/name.hpp"

#include "conf/base/ascii.hpp"
#include "resolver/wire/constants.hpp"

namespace lictor::zone {
namespace {

constexpr std::size_t name_max = 255;

/// Bytes that presentation form escapes. The agent compares escaped text with registered names, so a label with one of these bytes (a dot,
/// for example) equals no registered name.
constexpr std::array<bool, 256> escaped_bytes = [] {
    std::array<bool, 256> escaped{};
    for (std::size_t byte = 0; byte < 256; ++byte) escaped[byte] = byte <= 0x20 || byte >= 0x7f;
    for (const unsigned char byte : {'.', '\'', '@', ';', '(', ')', '"', '\\'}) escaped[byte] = true;
    return escaped;
}();

/// Number of characters of the label in presentation form: `\.` for a special byte, `\DDD` for one that cannot be printed.
std::size_t escaped_size_of(std::string_view label) {
    std::size_t size = label.size();
    for (const char c : label) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) size += 3;
        else if (escaped_bytes[byte]) size += 1;
    }
    return size;
}

enum class Keyword : std::uint8_t { none, service, node, addr, agent_only };

Keyword keyword_of(std::string_view label) {
    switch (label.size()) {
        case 4: return label == "node" ? Keyword::node : label == "addr" ? Keyword::addr : Keyword::none;
        case 5: return label == "query" ? Keyword::agent_only : Keyword::none;
        case 7:
            if (label == "service") return Keyword::service;
            return label == "connect" || label == "ingress" || label == "virtual" ? Keyword::agent_only : Keyword::none;
        default: return Keyword::none;
    }
}

/// True if `<value>.<keyword>` right of the name's keyword is a pair that only the agent can answer.
bool is_agent_pair(std::string_view keyword) {
    return keyword == "peer" || keyword == "ns" || keyword == "ap" || keyword == "sg" || keyword == "port";
}

ClusterRole role_of(std::string_view tag) {
    if (tag.empty()) return ClusterRole::plain;
    if (tag == "master" || tag == "primary") return ClusterRole::leader;
    if (tag == "replica") return ClusterRole::replica;
    if (tag == "sync") return ClusterRole::sync;
    if (tag == "any") return ClusterRole::any;
    if (tag == "standby-leader") return ClusterRole::standby;
    return tag == "_postgresql._tcp" ? ClusterRole::ranked : ClusterRole::none;
}

}  // namespace

std::string_view ZoneName::labels(std::size_t first, std::size_t end) const {
    if (first >= end) return {};
    return {text_.data() + starts_[first] + 1, static_cast<std::size_t>(starts_[end] - starts_[first] - 1)};
}

/// Takes the labels in `below`, which ends where the domain begins. True if a registered name can have all of their bytes.
bool ZoneName::take(wire::Bytes below, Letters letters) {
    count_ = 0;
    bool plain = true;
    std::size_t at = 0;
    while (at < below.size()) {
        starts_[count_++] = static_cast<std::uint8_t>(at);
        const std::size_t end = at + 1 + below[at];
        text_[at] = '.';
        for (++at; at < end; ++at) {
            text_[at] = static_cast<char>(below[at]);
            plain = plain && (letters == Letters::registered ? below[at] != '.' && below[at] != '\\' : !escaped_bytes[below[at]]);
        }
    }
    starts_[count_] = static_cast<std::uint8_t>(at);
    return plain;
}

/// Takes the first `labels` labels of `text`, with their escapes. False if they are longer than a name may be.
bool ZoneName::take(std::string_view text, std::size_t labels) {
    count_ = 0;
    std::size_t size = 0, at = 0;
    while (count_ < labels) {
        if (size >= name_max || at >= text.size()) return false;
        starts_[count_++] = static_cast<std::uint8_t>(size);
        text_[size++] = '.';
        for (; at < text.size() && text[at] != '.'; ++at) {
            const std::size_t letters = text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
            if (size + letters > name_max) return false;
            for (std::size_t i = 0; i < letters; ++i) text_[size++] = lower(text[at + i]);
            at += letters - 1;
        }
        ++at;  // the dot
    }
    starts_[count_] = static_cast<std::uint8_t>(size);
    return true;
}

void ZoneName::parse(const wire::Name& lower, const wire::Name& domain, std::uint16_t type, const catalog::ConsulSettings& settings,
                     Letters letters, std::string_view text) {
    kind = ZoneKind::nothing;
    role = ClusterRole::none;
    service = tag = node = datacenter = {};
    bool plain = take(lower.wire().first(lower.size() - domain.size()), letters);
    if (text.find('\\') != std::string_view::npos) {
        if (!take(text, count_)) return;
        plain = true;
    }

    Keyword keyword = Keyword::none;
    std::size_t parts = 0, suffix = 0;  // labels left of the keyword; first label right of it
    for (std::size_t i = count_; i-- > 0 && keyword == Keyword::none;) {
        keyword = keyword_of(label(i));
        parts = i;
        suffix = i + 1;
        if (keyword == Keyword::none && type == rrtype::srv && label(i).starts_with('_')) {
            keyword = Keyword::service;
            parts = i + 1;
        }
    }
    if (keyword == Keyword::addr && parts == 1) {
        kind = ZoneKind::address;  // the labels right of the keyword are ignored
        node = label(0);
        escaped_size = escaped_size_of(node);
        return;
    }
    if (keyword == Keyword::agent_only && parts > 0) {
        kind = ZoneKind::agent_only;
        return;
    }
    if (!plain) {
        if (keyword == Keyword::node && parts > 0 && parse_locality(suffix, settings)) kind = ZoneKind::escaped;
        return;
    }
    if (keyword == Keyword::none && count_ == 2 && label(1) == "leader") {
        kind = ZoneKind::lock;
        role = ClusterRole::leader;
        service = labels(0, 2);
        return;
    }
    if (keyword == Keyword::none || parts == 0)
        return parse_inner(keyword != Keyword::none, keyword == Keyword::none ? 0 : suffix, settings);
    if (keyword == Keyword::addr || !parse_locality(suffix, settings)) return;
    if (kind == ZoneKind::agent_only) return;
    if (keyword == Keyword::service) return parse_service(parts);
    kind = ZoneKind::node;
    node = labels(0, parts);
}

void ZoneName::parse_service(std::size_t parts) {
    if (parts == 2 && label(0).starts_with('_') && label(1).starts_with('_')) {
        service = label(0).substr(1);
        tag = label(1).substr(1);
        if (tag == "tcp") tag = {};
    } else {
        service = label(parts - 1);
        tag = labels(0, parts - 1);  // one tag, which may contain dots
    }
    if (datacenter.empty()) role = role_of(tag);
    kind = service.empty() ? ZoneKind::empty_service : ZoneKind::service;
}

/// The labels right of the keyword: none, `<dc>`, or since 1.14.2 `<dc>.dc`. Names with other pairs go to the agent. False if the labels
/// have none of Consul's forms.
bool ZoneName::parse_locality(std::size_t first, const catalog::ConsulSettings& settings) {
    const std::size_t count = count_ - first;
    if (count == 0) return true;
    if (count == 1) {
        datacenter = label(first);
    } else {
        bool known = count % 2 == 0 && settings.agent.knows_dc_label, agents = false;
        for (std::size_t i = first; known && i < count_; i += 2) {
            const bool pair = is_agent_pair(label(i + 1));
            agents = agents || pair;
            known = pair || label(i + 1) == "dc";
        }
        if (settings.agent.knows_namespaces || (known && agents)) {
            kind = ZoneKind::agent_only;
            return true;
        }
        if (!known || count != 2) return false;
        datacenter = label(first);
    }
    if (datacenter == settings.datacenter) datacenter = {};
    return true;
}

/// Empty non-terminals: the domain, `[<keyword>.][<dc>[.dc]]`, `[<keyword>.]dc`, `ns`.
void ZoneName::parse_inner(bool keyword, std::size_t first, const catalog::ConsulSettings& settings) {
    const std::size_t count = count_ - first;
    if (count > 2 || (count == 2 && label(first + 1) != "dc")) return;
    kind = ZoneKind::inner;
    if (count == 0 || (count == 1 && (label(first) == "dc" || (!keyword && label(first) == "ns")))) return;
    datacenter = label(first);
    if (datacenter == settings.datacenter) datacenter = {};
}

}  // namespace lictor::zone
