// Writes what Consul would say of a Patroni scope: keys with base64 values, sessions and indexes, as a body or as parsed facts.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "watch/consul_json.hpp"

namespace lictor::test {

inline std::string encode_base64(std::string_view raw) {
    static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < raw.size(); at += 3) {
        const auto byte = [&](std::size_t i) { return at + i < raw.size() ? static_cast<unsigned char>(raw[at + i]) : 0u; };
        const unsigned bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (unsigned i = 0; i < 4; ++i) out += at + i <= raw.size() ? alphabet[(bits >> (18 - 6 * i)) & 63] : '=';
    }
    return out;
}

class Kv {
public:
    explicit Kv(std::string prefix = "service/pg/") : prefix_(std::move(prefix)) {}

    Kv& key(const std::string& name, std::string_view value, const std::string& session = "", std::uint64_t modify_index = 1) {
        entries_ += entries_.empty() ? "" : ",";
        entries_ += R"({"LockIndex":)" + std::string(session.empty() ? "0" : "1") + R"(,"Key":")" + escaped(prefix_ + name) +
                    R"(","Flags":0,"Value":)" + (value.empty() ? "null" : "\"" + encode_base64(value) + "\"") +
                    (session.empty() ? "" : R"(,"Session":")" + session + "\"") + R"(,"CreateIndex":1,"ModifyIndex":)" +
                    std::to_string(modify_index) + "}";
        return *this;
    }
    Kv& leader(const std::string& name, const std::string& session, std::uint64_t modify_index) {
        return key("leader", name, session, modify_index);
    }
    Kv& member(const std::string& name, std::string_view value, const std::string& session = "") {
        return key("members/" + name, value, session.empty() ? "s-" + escaped(name) : session);
    }

    std::string body() const { return "[" + entries_ + "]"; }
    ScopeFacts facts(std::uint64_t index = 0) const {
        auto facts = parse_patroni_scope(body(), prefix_);
        REQUIRE(facts);
        facts->index = index;
        return *facts;
    }

private:
    static std::string escaped(const std::string& text) {
        std::string out;
        for (const char c : text) out += c == '\0' ? std::string("\\u0000") : std::string(1, c);
        return out;
    }

    std::string prefix_, entries_;
};

}  // namespace lictor::test
