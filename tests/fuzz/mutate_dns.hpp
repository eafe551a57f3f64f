// Changes a DNS message by its structure, so that a fuzzer reaches the code behind the counts and lengths of a message. Included once, by a
// fuzz target.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max);

namespace lictor::fuzz {

/// A question (section 0) or a record as on the wire.
struct Piece {
    unsigned section = 0;
    std::vector<std::uint8_t> name, rest;  ///< `rest`: type and class, then for a record TTL, RDLENGTH and RDATA

    static constexpr std::size_t head = 10;  ///< bytes of a record's `rest` before its RDATA
    void set16(std::size_t at, unsigned value) {
        rest[at] = static_cast<std::uint8_t>(value >> 8);
        rest[at + 1] = static_cast<std::uint8_t>(value);
    }
    void set_data(std::vector<std::uint8_t> data) {
        data.resize(std::min<std::size_t>(data.size(), 65535));
        rest.resize(head);
        set16(8, static_cast<unsigned>(data.size()));
        rest.insert(rest.end(), data.begin(), data.end());
    }
};

class Message {
public:
    /// Reads as far as the message is well-formed.
    explicit Message(const std::uint8_t* data, std::size_t size) {
        if (size < header.size()) return;
        std::copy_n(data, header.size(), header.begin());
        readable = true;
        std::size_t at = header.size();
        for (unsigned section = 0; section < 4; ++section)
            for (unsigned left = header[4 + 2 * section] << 8 | header[5 + 2 * section]; left > 0; --left) {
                const std::size_t begin = at;
                while (at < size && data[at] != 0 && data[at] < 64) at += data[at] + std::size_t{1};
                at += at < size && data[at] >= 64 ? 2 : 1;
                const std::size_t end_of_name = at;
                at += section == 0 ? 4 : Piece::head;
                if (at > size) return;
                if (section != 0) at += static_cast<std::size_t>(data[at - 2] << 8 | data[at - 1]);
                if (at > size || pieces.size() >= 64) return;
                pieces.push_back({section, {data + begin, data + end_of_name}, {data + end_of_name, data + at}});
            }
    }
    /// The message with counts that fit, unless `keep_counts`.
    std::vector<std::uint8_t> bytes(bool keep_counts) {
        std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.section < b.section; });
        std::array<unsigned, 4> counts{};
        for (const Piece& piece : pieces) ++counts[piece.section];
        for (unsigned section = 0; section < 4 && !keep_counts; ++section) {
            header[4 + 2 * section] = static_cast<std::uint8_t>(counts[section] >> 8);
            header[5 + 2 * section] = static_cast<std::uint8_t>(counts[section]);
        }
        std::vector<std::uint8_t> out(header.begin(), header.end());
        for (const Piece& piece : pieces) {
            out.insert(out.end(), piece.name.begin(), piece.name.end());
            out.insert(out.end(), piece.rest.begin(), piece.rest.end());
        }
        return out;
    }

    std::array<std::uint8_t, 12> header{};
    std::vector<Piece> pieces;
    bool readable = false;
};

inline std::vector<std::uint8_t> data_of_type(unsigned type, std::minstd_rand& random) {
    const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
    switch (type) {
        case 1: return {192, 0, 2, byte()};
        case 28: return {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte()};
        case 6: {
            std::vector<std::uint8_t> soa = {0xc0, 12, 0xc0, 12};
            for (unsigned i = 0; i < 20; ++i) soa.push_back(i % 4 < 2 ? std::uint8_t{0} : byte());
            return soa;
        }
        case 15: return {0, 10, 0xc0, 12};
        case 33: return {0, 1, 0, 1, 0, 80, 0xc0, 12};
        case 16: return {3, byte(), byte(), byte()};
        case 41: return {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, byte(), 0, 15, 0, 2, 0, byte(), 0, 8, 0, 7, 0, 1, 24, 0, 10, 0, 0};
        default: return {0xc0, 12};  // CNAME, NS, PTR, DNAME: the name of the question
    }
}

/// One change by structure, or one by bytes. `skip`: bytes before the message. The new size.
inline std::size_t mutate_message(std::uint8_t* data, std::size_t size, std::size_t max, unsigned seed, std::size_t skip) {
    static constexpr unsigned types[] = {1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 39, 41, 46, 47, 64, 65, 250, 255};
    std::minstd_rand random(seed);
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % std::max<std::size_t>(bound, 1)); };
    if (size <= skip || below(3) == 0) return LLVMFuzzerMutate(data, size, max);
    Message message(data + skip, size - skip);
    if (!message.readable) return LLVMFuzzerMutate(data, size, max);
    auto& pieces = message.pieces;
    if (pieces.empty() || below(6) == 0) {
        Piece made{static_cast<unsigned>(pieces.empty() ? 0 : 1 + below(3)), {3, 'w', 'w', 'w', 0}, {0, 1, 0, 1}};
        if (made.section != 0) {
            const unsigned type = types[below(std::size(types))];
            made.name = type == 41 ? std::vector<std::uint8_t>{0} : std::vector<std::uint8_t>{0xc0, 12};
            made.rest.resize(Piece::head);
            made.set16(0, type);
            made.set16(2, type == 41 ? 1232 : 1);
            made.rest[7] = static_cast<std::uint8_t>(random());
            made.set_data(data_of_type(type, random));
        }
        pieces.push_back(std::move(made));
    } else {
        const std::size_t which = below(pieces.size());
        Piece& piece = pieces[which];
        const bool record = piece.section != 0;
        switch (below(10)) {
            case 0: pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(which)); break;
            case 1: pieces.push_back(Piece(piece)); break;
            case 2: std::swap(pieces[which], pieces[below(pieces.size())]); break;
            case 3:
                if (record) piece.section = 1 + static_cast<unsigned>(below(3));
                break;
            case 4: {
                const unsigned type = types[below(std::size(types))];
                piece.set16(0, type);
                if (record && below(2) == 0) piece.set_data(data_of_type(type, random));
                break;
            }
            case 5: piece.set16(2, below(2) ? 1 : static_cast<unsigned>(random() & 0xffff)); break;
            case 6:
                if (record) piece.set16(4 + 2 * below(2), static_cast<unsigned>(random() & 0xffff));
                break;
            case 7: piece.name = {0xc0, static_cast<std::uint8_t>(below(2) ? 12 : random())}; break;
            case 8:
                if (record) {
                    std::vector<std::uint8_t> bytes(piece.rest.begin() + Piece::head, piece.rest.end());
                    const std::size_t length = bytes.size();
                    bytes.resize(length + 64);
                    bytes.resize(LLVMFuzzerMutate(bytes.data(), length, bytes.size()));
                    piece.set_data(std::move(bytes));
                }
                break;
            default: message.header[2 + below(2)] ^= static_cast<std::uint8_t>(1u << below(8));
        }
    }
    const auto bytes = message.bytes(below(8) == 0);
    if (skip + bytes.size() > max) return LLVMFuzzerMutate(data, size, max);
    std::copy(bytes.begin(), bytes.end(), data + skip);
    return skip + bytes.size();
}

}  // namespace lictor::fuzz
