// Writes the few fields of dnstap.proto that lictor knows: varints, fixed 32-bit numbers and texts with a length.
#include "resolver/wire/dnstap.hpp"

#include "conf/base/bytes.hpp"

namespace lictor::wire {
namespace {

using Out = std::vector<std::uint8_t>;

constexpr std::string_view content_type = "protobuf:dnstap.Dnstap";
constexpr std::uint32_t field_content_type = 1;

void put_varint(Out& out, std::uint64_t value) {
    for (; value > 0x7f; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
}

void put_u32(Out& out, std::uint32_t value) {
    out.resize(out.size() + 4);
    store_u32(out.data() + out.size() - 4, value);
}

// Wire types of Protocol Buffers: 0 varint, 2 bytes with a length, 5 fixed 32 bits, little-endian.
void put_number(Out& out, unsigned field, std::uint64_t value) {
    put_varint(out, field << 3);
    put_varint(out, value);
}
void put_fixed(Out& out, unsigned field, std::uint32_t value) {
    put_varint(out, field << 3 | 5);
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}
template <class Range>
void put_bytes(Out& out, unsigned field, const Range& bytes) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_time(Out& out, unsigned field, std::uint64_t ns) {
    put_number(out, field, ns / 1'000'000'000);
    put_fixed(out, field + 1, static_cast<std::uint32_t>(ns % 1'000'000'000));
}

/// The message `Message` of dnstap.proto.
Out message_of(const TapEvent& event) {
    const bool query = static_cast<unsigned>(event.type) % 2 == 1;
    const bool v6 = (event.asker.port ? event.asker : event.answerer).address.v6;
    Out out;
    out.reserve(event.message.size() + 96);
    put_number(out, 1, static_cast<unsigned>(event.type));
    put_number(out, 2, v6 ? 2 : 1);
    put_number(out, 3, event.tcp ? 2 : 1);
    if (event.asker.port) put_bytes(out, 4, event.asker.address.raw());
    if (event.answerer.port) put_bytes(out, 5, event.answerer.address.raw());
    if (event.asker.port) put_number(out, 6, event.asker.port);
    if (event.answerer.port) put_number(out, 7, event.answerer.port);
    if (event.query_time_ns) put_time(out, 8, event.query_time_ns);
    if (query) put_bytes(out, 10, event.message);
    if (event.response_time_ns) put_time(out, 12, event.response_time_ns);
    if (!query) put_bytes(out, 14, event.message);
    return out;
}

}  // namespace

void append_tap_frame(std::vector<std::uint8_t>& out, const TapEvent& event, std::string_view identity, std::string_view version) {
    const std::size_t begin = out.size();
    put_u32(out, 0);
    if (!identity.empty()) put_bytes(out, 1, identity);
    put_bytes(out, 2, version);
    put_bytes(out, 14, message_of(event));
    put_number(out, 15, 1);  // Dnstap.Type MESSAGE
    store_u32(out.data() + begin, static_cast<std::uint32_t>(out.size() - begin - 4));
}

std::vector<std::uint8_t> tap_control(TapControl control) {
    const bool named = control == TapControl::ready || control == TapControl::start;
    Out out;
    put_u32(out, 0);  // a data frame is never empty: a length of 0 announces a control frame
    put_u32(out, static_cast<std::uint32_t>(4 + (named ? 8 + content_type.size() : 0)));
    put_u32(out, static_cast<std::uint32_t>(control));
    if (!named) return out;
    put_u32(out, field_content_type);
    put_u32(out, static_cast<std::uint32_t>(content_type.size()));
    out.insert(out.end(), content_type.begin(), content_type.end());
    return out;
}

std::optional<TapControl> read_tap_control(Bytes frame) {
    const auto u32 = [&](std::size_t at) { return load_u32(frame.data() + at); };
    if (frame.size() < 4) return std::nullopt;
    const std::uint32_t type = u32(0);
    if (type < 1 || type > 5) return std::nullopt;
    bool lists = false, ours = false;
    for (std::size_t at = 4; at < frame.size();) {
        if (frame.size() - at < 8) return std::nullopt;
        const std::uint32_t field = u32(at), size = u32(at + 4);
        if (size > frame.size() - at - 8) return std::nullopt;
        if (field == field_content_type) {
            lists = true;
            ours = ours || std::string_view(reinterpret_cast<const char*>(frame.data() + at + 8), size) == content_type;
        }
        at += 8 + size;
    }
    if (lists && !ours) return std::nullopt;
    return static_cast<TapControl>(type);
}

}  // namespace lictor::wire
