// One worker's Resolver for tests: Views are shown to it, messages are put to it, and what it does about them is kept.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "resolver/core/resolver.hpp"

namespace lictor::test {

/// A message as a client may write it, well or badly.
struct Wording {
    std::string name = "a.example";
    std::uint16_t type = rrtype::a;
    std::uint16_t bits = 0x0100, questions = 1;
    std::optional<std::uint8_t> edns_version = {};

    std::vector<std::uint8_t> bytes() const {
        std::vector<std::uint8_t> out;
        const auto put16 = [&out](unsigned value) {
            out.push_back(static_cast<std::uint8_t>(value >> 8));
            out.push_back(static_cast<std::uint8_t>(value));
        };
        for (const unsigned value : {4711u, unsigned{bits}, unsigned{questions}, 0u, 0u, edns_version ? 1u : 0u}) put16(value);
        const Name written = *Name::parse(name);
        out.insert(out.end(), written.wire().begin(), written.wire().end());
        put16(type);
        put16(rrclass::in);
        if (!edns_version) return out;
        out.push_back(0);
        for (const unsigned value : {unsigned{rrtype::opt}, 1232u, unsigned{*edns_version}, 0u, 0u}) put16(value);
        return out;
    }
};

class ResolverWorld {
public:
    /// A newer View, with the rules as they stand.
    void show(const Catalog& catalog) {
        auto view = std::make_shared<View>();
        view->generation = resolver.view()->generation + 1;
        view->catalog = std::make_shared<Catalog>(catalog);
        view->rules = rules;
        view->book = next_book(resolver.view()->book, catalog, at.unix_seconds);
        resolver.on_view(view, at, actions);
    }
    Verdict ask(const std::vector<std::uint8_t>& message, const Address& from = Address::v4(127, 0, 0, 1)) {
        Client client;
        client.peer = {from, 20000};
        return resolver.on_query(message, client, at, reply, actions);
    }
    /// Lets time pass, ticking once at its end.
    void wait(microseconds span) {
        at.now += span;
        resolver.on_tick(at, actions);
    }
    template <class Action>
    std::size_t count() const {
        return static_cast<std::size_t>(std::count_if(actions.begin(), actions.end(), [](const auto& action) { return std::holds_alternative<Action>(action); }));
    }

    WorkerCounters counters;
    Random random{Random::Seed{1, 2, 3, 4, 5, 6, 7, 8}};
    Resolver resolver{counters, random};
    std::shared_ptr<Rules> rules = std::make_shared<Rules>();
    Moment at{seconds(1000), 1'700'000'000};
    std::vector<std::uint8_t> reply = std::vector<std::uint8_t>(message_max);
    Actions actions;
};

}  // namespace lictor::test
