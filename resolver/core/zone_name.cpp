// The grammar of names below a Consul domain.
#include "resolver/core/zone_name.hpp"

#include "resolver/core/zone_version.hpp"

namespace lictor {
namespace {

constexpr std::size_t name_max = 255;

/// Bytes that presentation form escapes. The agent compares escaped text with registered names, so a label with one of these (a dot
/// within a label above all) equals nothing.
constexpr std::array<bool, 256> escaped_bytes = [] {
    std::array<bool, 256> escaped{};
    for (std::size_t byte = 0; byte < 256; ++byte) escaped[byte] = byte <= 0x20 || byte >= 0x7f;
    for (const unsigned char byte : {'.', '\'', '@', ';', '(', ')', '"', '\\'}) escaped[byte] = true;
    return escaped;
}();

/// Characters of the label in presentation form: `\.` for a special one, `\DDD` for what cannot be printed.
std::size_t spelled_size_of(std::string_view label) {
    std::size_t size = label.size();
    for (const char c : label) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) size += 3;
        else if (escaped_bytes[byte]) size += 1;
    }
    return size;
}

enum class Keyword : std::uint8_t { none, service, node, addr, elsewhere };

Keyword keyword_of(std::string_view label) {
    switch (label.size()) {
        case 4:
            return label == "node" ? Keyword::node : label == "addr" ? Keyword::addr : Keyword::none;
        case 5:
            return label == "query" ? Keyword::elsewhere : Keyword::none;
        case 7:
            if (label == "service") return Keyword::service;
            return label == "connect" || label == "ingress" || label == "virtual" ? Keyword::elsewhere : Keyword::none;
        default:
            return Keyword::none;
    }
}

bool is_foreign_pair(std::string_view keyword) {
    return keyword == "peer" || keyword == "ns" || keyword == "ap" || keyword == "sg" || keyword == "port";
}

}  // namespace

std::string_view ZoneName::labels(std::size_t first, std::size_t end) const {
    if (first >= end) return {};
    return {text_.data() + starts_[first] + 1, static_cast<std::size_t>(starts_[end] - starts_[first] - 1)};
}

/// The labels in `below`, which ends where the domain begins. True if all of their bytes may stand in a registered name.
bool ZoneName::take(Bytes below, Letters letters) {
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

/// The first `labels` labels of `text`, escapes and all; false if it is longer than a name may be.
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
            for (std::size_t i = 0; i < letters; ++i) text_[size++] = static_cast<char>(lower_ascii(static_cast<std::uint8_t>(text[at + i])));
            at += letters - 1;
        }
        ++at;  // the dot
    }
    starts_[count_] = static_cast<std::uint8_t>(size);
    return true;
}

void ZoneName::parse(const Name& lower, const Name& domain, bool srv, const ConsulSettings& settings, Letters letters, std::string_view text) {
    kind = ZoneKind::nothing;
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
        if (keyword == Keyword::none && srv && label(i).starts_with('_')) {
            keyword = Keyword::service;
            parts = i + 1;
        }
    }
    if (keyword == Keyword::addr && parts == 1) {
        kind = ZoneKind::address;  // what follows the keyword is not looked at
        node = label(0);
        spelled_size = spelled_size_of(node);
        return;
    }
    if (keyword == Keyword::elsewhere && parts > 0) {
        kind = ZoneKind::elsewhere;
        return;
    }
    if (!plain) {
        if (keyword == Keyword::node && parts > 0 && parse_locality(suffix, settings)) kind = ZoneKind::spelled;
        return;
    }
    if (keyword == Keyword::none && count_ == 2 && label(1) == "leader") {
        kind = ZoneKind::lock;
        service = labels(0, 2);
        return;
    }
    if (keyword == Keyword::none || parts == 0)
        return parse_inner(keyword != Keyword::none, keyword == Keyword::none ? 0 : suffix, settings);
    if (keyword == Keyword::addr || !parse_locality(suffix, settings)) return;
    if (kind == ZoneKind::elsewhere) return;
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
        tag = labels(0, parts - 1);  // one tag, dots and all
    }
    kind = service.empty() ? ZoneKind::nameless : ZoneKind::service;
}

/// Labels right of the keyword: nothing, `<dc>`, or since 1.14.2 `<dc>.dc`; the other pairs are the agent's business.
bool ZoneName::parse_locality(std::size_t first, const ConsulSettings& settings) {
    const std::size_t count = count_ - first;
    if (count == 0) return true;
    if (count == 1) {
        datacenter = label(first);
    } else {
        const AgentVersion version(settings.version);
        const bool enterprise = settings.version.find("+ent") != std::string::npos;  // knows `<namespace>.<dc>` and more
        bool known = count % 2 == 0 && version.at_least(14, 2), foreign = false;
        for (std::size_t i = first; known && i < count_; i += 2) {
            const bool pair = is_foreign_pair(label(i + 1));
            foreign = foreign || pair;
            known = pair || label(i + 1) == "dc";
        }
        if (enterprise || (known && foreign)) {
            kind = ZoneKind::elsewhere;
            return true;
        }
        if (!known || count != 2) return false;
        datacenter = label(first);
    }
    if (datacenter == settings.datacenter) datacenter = {};
    return true;
}

/// Names with nothing of their own: the domain, `[<keyword>.][<dc>[.dc]]`, `[<keyword>.]dc`, `ns`.
void ZoneName::parse_inner(bool keyword, std::size_t first, const ConsulSettings& settings) {
    const std::size_t count = count_ - first;
    if (count > 2 || (count == 2 && label(first + 1) != "dc")) return;
    kind = ZoneKind::inner;
    if (count == 0 || (count == 1 && (label(first) == "dc" || (!keyword && label(first) == "ns")))) return;
    datacenter = label(first);
    if (datacenter == settings.datacenter) datacenter = {};
}

}  // namespace lictor
