// Writes the KV reply of Consul for a Patroni scope: keys with base64 values, sessions and indexes, as a body or as parsed facts.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/base64.hpp"
#include "watch/json/patroni.hpp"

namespace lictor::test {

/// Keys are in the order of the calls, below `prefix`.
class Kv {
public:
    explicit Kv(std::string prefix = "service/pg/") : prefix_(std::move(prefix)) {}

    /// `name` relative to the prefix. An empty value is null, as in Consul; an empty session means no lock (LockIndex 0).
    Kv& key(const std::string& name, std::string_view value, const std::string& session = "", std::uint64_t modify_index = 1) {
        entries_ += entries_.empty() ? "" : ",";
        entries_ += R"({"LockIndex":)" + std::string(session.empty() ? "0" : "1") + R"(,"Key":")" + escaped(prefix_ + name) +
                    R"(","Flags":0,"Value":)" + (value.empty() ? "null" : "\"" + encode_base64(value) + "\"") +
                    (session.empty() ? "" : R"(,"Session":")" + session + "\"") + R"(,"CreateIndex":1,"ModifyIndex":)" +
                    std::to_string(modify_index) + "}";
        return *this;
    }
    /// The leader key, held by `session`.
    Kv& leader(const std::string& name, const std::string& session, std::uint64_t modify_index) {
        return key("leader", name, session, modify_index);
    }
    /// `members/NAME`; without a session it gets `s-NAME`.
    Kv& member(const std::string& name, std::string_view value, const std::string& session = "") {
        return key("members/" + name, value, session.empty() ? "s-" + escaped(name) : session);
    }

    /// The body of a recursive KV read.
    std::string body() const { return "[" + entries_ + "]"; }
    /// The body, parsed by the product; the test fails if that refuses it. `index`: X-Consul-Index.
    catalog::ScopeFacts facts(std::uint64_t index = 0) const {
        auto facts = json::parse_patroni_scope(body(), prefix_);
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
