// Converts names from text and to text, and implements operations on labels.
#include "resolver/wire/name.hpp"

#include <algorithm>

#include "conf/base/ascii.hpp"

namespace lictor::wire {

Name Name::from_wire(Bytes wire) {
    Name name;
    name.size_ = static_cast<std::uint8_t>(wire.size());
    std::memcpy(name.bytes_.data(), wire.data(), wire.size());
    return name;
}

std::optional<Name> Name::parse(std::string_view text) {
    if (text.empty()) return std::nullopt;
    if (text == ".") return Name{};
    Name name;
    std::size_t at = 1, length_at = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto byte = static_cast<std::uint8_t>(text[i]);
        if (byte == '.') {
            if (at == length_at + 1) return std::nullopt;
            if (i + 1 == text.size()) break;
            length_at = at++;
            if (at > 254) return std::nullopt;
            continue;
        }
        if (byte == '\\') {
            if (i + 1 >= text.size()) return std::nullopt;
            const auto digit = [&](std::size_t k) { return i + k < text.size() && text[i + k] >= '0' && text[i + k] <= '9'; };
            if (digit(1)) {
                if (!digit(2) || !digit(3)) return std::nullopt;
                const int value = (text[i + 1] - '0') * 100 + (text[i + 2] - '0') * 10 + (text[i + 3] - '0');
                if (value > 255) return std::nullopt;
                byte = static_cast<std::uint8_t>(value);
                i += 3;
            } else {
                byte = static_cast<std::uint8_t>(text[++i]);
            }
        }
        if (at - length_at > 63 || at >= 254) return std::nullopt;
        name.bytes_[at++] = byte;
        name.bytes_[length_at] = static_cast<std::uint8_t>(at - length_at - 1);
    }
    if (at == length_at + 1) return std::nullopt;
    name.bytes_[at++] = 0;
    name.size_ = static_cast<std::uint8_t>(at);
    return name;
}

std::size_t Name::label_count() const {
    std::size_t count = 0;
    for (std::size_t at = 0; bytes_[at] != 0; at += bytes_[at] + 1u) ++count;
    return count;
}

std::string Name::text() const {
    if (is_root()) return ".";
    std::string out;
    out.reserve(size_);
    for (std::size_t at = 0; bytes_[at] != 0; at += bytes_[at] + 1u) {
        if (at) out += '.';
        for (std::size_t i = 1; i <= bytes_[at]; ++i) {
            const std::uint8_t byte = bytes_[at + i];
            if (byte == '.' || byte == '\\') {
                out += '\\';
                out += static_cast<char>(byte);
            } else if (byte <= 0x20 || byte >= 0x7f || byte == '"') {
                out += '\\';
                out += static_cast<char>('0' + byte / 100);
                out += static_cast<char>('0' + byte / 10 % 10);
                out += static_cast<char>('0' + byte % 10);
            } else {
                out += static_cast<char>(byte);
            }
        }
    }
    return out;
}

Name Name::lower() const {
    Name name;
    name.size_ = size_;
    // Length bytes are at most 63, below every capital letter.
    for (std::size_t i = 0; i < size_; ++i) name.bytes_[i] = lictor::lower(bytes_[i]);
    return name;
}

Name Name::parent(std::size_t labels) const {
    std::size_t at = 0;
    for (; labels > 0 && bytes_[at] != 0; --labels) at += bytes_[at] + 1u;
    return from_wire({bytes_.data() + at, size_ - at});
}

bool Name::is_below_or_equal(const Name& ancestor) const {
    if (ancestor.size_ > size_) return false;
    const std::size_t start = size_ - ancestor.size_;
    if (std::memcmp(bytes_.data() + start, ancestor.bytes_.data(), ancestor.size_) != 0) return false;
    std::size_t at = 0;
    while (at < start) at += bytes_[at] + 1u;
    return at == start;  // `ancestor` must begin where a label begins
}

bool Name::prepend(std::string_view label) {
    if (label.empty() || label.size() > 63 || size_ + label.size() + 1 > 255) return false;
    std::memmove(bytes_.data() + label.size() + 1, bytes_.data(), size_);
    bytes_[0] = static_cast<std::uint8_t>(label.size());
    std::memcpy(bytes_.data() + 1, label.data(), label.size());
    size_ = static_cast<std::uint8_t>(size_ + label.size() + 1);
    return true;
}

bool Name::append(const Name& tail) {
    if (size_ - 1u + tail.size_ > 255) return false;
    std::memcpy(bytes_.data() + size_ - 1, tail.bytes_.data(), tail.size_);
    size_ = static_cast<std::uint8_t>(size_ - 1u + tail.size_);
    return true;
}

std::string_view Name::top() const {
    std::size_t last = 0;
    for (std::size_t at = 0; bytes_[at] != 0; at += bytes_[at] + 1u) last = at;
    return {reinterpret_cast<const char*>(bytes_.data()) + last + (size_ > 1 ? 1 : 0), bytes_[last]};
}

std::uint64_t NameHash::operator()(Bytes bytes) const {
    // Multiply and fold, eight bytes at a time; the seed enters with the first.
    const auto fold = [](std::uint64_t a, std::uint64_t b) {
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(a) * b;
        return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    std::uint64_t hash = fold(seed_ ^ 0xa0761d6478bd642fu, bytes.size() ^ 0xe7037ed1a0b428dbu);
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, 8);
        hash = fold(hash ^ word, seed_ ^ 0x8ebc6af09c88c6e3u);
    }
    std::uint64_t tail = 0;
    std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
    return fold(hash ^ tail, 0x589965cc75374cc3u ^ seed_);
}

Name reverse_name(const Address& address) {
    static constexpr char hex[] = "0123456789abcdef";
    std::string text;
    if (!address.v6) {
        for (int i = 3; i >= 0; --i) text += std::to_string(address.bytes[static_cast<std::size_t>(i)]) + '.';
        return *Name::parse(text + "in-addr.arpa");
    }
    for (std::size_t i = 16; i-- > 0;) {
        text += hex[address.bytes[i] & 15];
        text += '.';
        text += hex[address.bytes[i] >> 4];
        text += '.';
    }
    return *Name::parse(text + "ip6.arpa");
}

std::optional<Address> address_of_reverse(const Name& lower) {
    static const Name v4_tail = *Name::parse("in-addr.arpa"), v6_tail = *Name::parse("ip6.arpa");
    const auto labels = lower.label_count();
    const Bytes wire = lower.wire();
    Address address;
    if (labels == 6 && lower.is_below_or_equal(v4_tail)) {
        std::size_t at = 0;
        for (std::size_t i = 4; i-- > 0; at += wire[at] + 1u) {
            const std::string_view label(reinterpret_cast<const char*>(wire.data()) + at + 1, wire[at]);
            const auto value = parse_number(label, 255);
            if (!value || (label.size() > 1 && label.front() == '0')) return std::nullopt;
            address.bytes[i] = static_cast<std::uint8_t>(*value);
        }
        return address;
    }
    if (labels == 34 && lower.is_below_or_equal(v6_tail)) {
        address.v6 = true;
        std::size_t at = 0;
        for (std::size_t i = 0; i < 32; ++i, at += wire[at] + 1u) {
            const std::uint8_t c = wire[at + 1];
            unsigned digit = 0;
            if (wire[at] != 1) return std::nullopt;
            if (c >= '0' && c <= '9') digit = c - '0';
            else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10u;
            else return std::nullopt;
            auto& byte = address.bytes[15 - i / 2];
            byte = static_cast<std::uint8_t>(i % 2 == 0 ? digit : byte | digit << 4);
        }
        return address;
    }
    return std::nullopt;
}

}  // namespace lictor::wire
