// A DNS message as text lines, which tests compare: a first line with rcode and flags, then one line per record,
// `answer|authority|additional OWNER TTL TYPE DATA`, the lines of one section sorted (answers are shuffled). Reads with its own small
// parser, so that an error common to the product's reader and writer is detected.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "conf/base/address.hpp"

namespace lictor::test {

/// Stops at the first malformed byte and sets `broken`. Records of unknown types are hexadecimal.
class MessageText {
public:
    explicit MessageText(std::span<const std::uint8_t> message) : message_(message) { read(); }

    std::string rcode, flags;  ///< `NOERROR`, `aa ra`
    std::string question;      ///< `web.service.consul A`
    std::vector<std::string> answer, authority, additional;
    bool edns = false, dnssec_ok = false;  ///< there is an OPT record, and DO in it
    unsigned udp_size = 0;                 ///< of OPT
    int extended_error = -1;               ///< info-code (RFC 8914); -1: none
    bool broken = false;                   ///< the message ends early or has bytes behind its end

    /// Everything as one text; OPT as `opt SIZE [do] [ede=N]`.
    std::string text() const {
        std::string out = broken ? "BROKEN " : "";
        out += rcode + (flags.empty() ? "" : " " + flags) + "\n";
        const auto add = [&](const char* section, std::vector<std::string> lines) {
            std::sort(lines.begin(), lines.end());
            for (const auto& line : lines) out += std::string(section) + " " + line + "\n";
        };
        add("answer", answer);
        add("authority", authority);
        add("additional", additional);
        if (edns) {
            out += "opt " + std::to_string(udp_size) + (dnssec_ok ? " do" : "");
            if (extended_error >= 0) out += " ede=" + std::to_string(extended_error);
            out += "\n";
        }
        return out;
    }

private:
    unsigned u8() {
        if (at_ >= message_.size()) return broken = true, 0u;
        return message_[at_++];
    }
    unsigned u16() {
        const unsigned high = u8();
        return high << 8 | u8();
    }
    std::uint32_t u32() {
        const std::uint32_t high = u16();
        return high << 16 | u16();
    }

    std::string name() {
        std::string out;
        std::size_t back = 0;
        for (int labels = 0; labels < 200 && !broken; ++labels) {
            const unsigned length = u8();
            if (length == 0) break;
            if (length >= 0xc0) {
                const std::size_t to = (length & 0x3f) << 8 | u8();
                if (!back) back = at_;
                at_ = to;
                continue;
            }
            if (!out.empty()) out += '.';
            for (unsigned i = 0; i < length; ++i) {
                const unsigned byte = u8();
                char escaped[5];
                if (byte <= ' ' || byte >= 0x7f) std::snprintf(escaped, sizeof escaped, "\\%03u", byte);
                else if (byte == '.' || byte == '\\') std::snprintf(escaped, sizeof escaped, "\\%c", static_cast<char>(byte));
                else std::snprintf(escaped, sizeof escaped, "%c", static_cast<char>(byte));
                out += escaped;
            }
        }
        if (back) at_ = back;
        return out.empty() ? "." : out;
    }

    static std::string type_text(unsigned type) {
        switch (type) {
            case 1: return "A";
            case 2: return "NS";
            case 5: return "CNAME";
            case 6: return "SOA";
            case 12: return "PTR";
            case 15: return "MX";
            case 16: return "TXT";
            case 28: return "AAAA";
            case 33: return "SRV";
            case 43: return "DS";
            case 65: return "HTTPS";
            case 252: return "AXFR";
            case 255: return "ANY";
            default: return "TYPE" + std::to_string(type);
        }
    }

    std::string data(unsigned type, std::size_t end) {
        std::string out;
        switch (type) {
            case 1:
            case 28: {
                std::vector<std::uint8_t> raw;
                while (at_ < end && !broken) raw.push_back(static_cast<std::uint8_t>(u8()));
                if (raw.size() != (type == 1 ? 4u : 16u)) return broken = true, "?";
                return Address::from_bytes(raw).text();
            }
            case 2:
            case 5:
            case 12: return name();
            case 6:
                out = name();
                out += " " + name();
                for (int i = 0; i < 5; ++i) out += " " + std::to_string(u32());
                return out;
            case 15: out = std::to_string(u16()); return out + " " + name();
            case 16:
                while (at_ < end && !broken) {
                    out += out.empty() ? "\"" : " \"";
                    for (unsigned left = u8(); left > 0; --left) out += static_cast<char>(u8());
                    out += "\"";
                }
                return out;
            case 33:
                for (int i = 0; i < 3; ++i) out += std::to_string(u16()) + " ";
                return out + name();
            default:
                while (at_ < end && !broken) {
                    char hex[3];
                    std::snprintf(hex, sizeof hex, "%02x", u8());
                    out += hex;
                }
                return out;
        }
    }

    void read() {
        u16();
        const unsigned bits = u16();
        static constexpr std::array names = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
        rcode = (bits & 15) < names.size() ? names[bits & 15] : "RCODE" + std::to_string(bits & 15);
        const auto flag = [&](unsigned bit, const char* text) {
            if (bits & bit) flags += (flags.empty() ? "" : " ") + std::string(text);
        };
        if (!(bits & 0x8000)) flags = "query";
        flag(0x0400, "aa");
        flag(0x0200, "tc");
        flag(0x0100, "rd");
        flag(0x0080, "ra");
        flag(0x0020, "ad");
        flag(0x0010, "cd");
        const unsigned questions = u16();
        const unsigned counts[] = {u16(), u16(), u16()};
        for (unsigned i = 0; i < questions && !broken; ++i) {
            question = name();
            question += " " + type_text(u16());
            u16();
        }
        std::vector<std::string>* sections[] = {&answer, &authority, &additional};
        for (int section = 0; section < 3; ++section)
            for (unsigned i = 0; i < counts[section] && !broken; ++i) record(*sections[section]);
        if (at_ != message_.size()) broken = true;
    }

    void record(std::vector<std::string>& lines) {
        std::string line = name();
        const unsigned type = u16(), klass = u16();
        const std::uint32_t ttl = u32();
        const std::size_t length = u16(), end = at_ + length;
        if (type == 41) {
            edns = true;
            udp_size = klass;
            dnssec_ok = ttl & 0x8000;
            while (at_ + 4 <= end && !broken) {
                const unsigned option = u16();
                const unsigned size = u16();
                const std::size_t next = at_ + size;
                if (option == 15) extended_error = static_cast<int>(u16());
                at_ = next;
            }
            if (at_ != end) broken = true;
            return;
        }
        line += " " + std::to_string(ttl) + " " + (klass == 1 ? "" : "CLASS" + std::to_string(klass) + " ") + type_text(type);
        line += " " + data(type, end);
        if (at_ != end) broken = true;
        lines.push_back(line);
    }

    std::span<const std::uint8_t> message_;
    std::size_t at_ = 0;
};

inline std::string render_message(std::span<const std::uint8_t> message) { return MessageText(message).text(); }

}  // namespace lictor::test
