// A Resolver for tests. It gets Views and messages, and its actions are recorded.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "conf/metrics/metrics.hpp"
#include "resolver/core/resolver.hpp"
#include "resolver/rules/rules.hpp"

namespace lictor::test {

/// Builds a query with id 4711, well-formed or not: `questions` is the count in the header, one question follows.
struct Wording {
    std::string name = "a.example";
    std::uint16_t type = rrtype::a;
    std::uint16_t bits = 0x0100, questions = 1, klass = rrclass::in;
    std::optional<std::uint8_t> edns_version = {};

    std::vector<std::uint8_t> bytes() const {
        std::vector<std::uint8_t> out;
        const auto put16 = [&out](unsigned value) {
            out.push_back(static_cast<std::uint8_t>(value >> 8));
            out.push_back(static_cast<std::uint8_t>(value));
        };
        for (const unsigned value : {4711u, unsigned{bits}, unsigned{questions}, 0u, 0u, edns_version ? 1u : 0u}) put16(value);
        const wire::Name written = *wire::Name::parse(name);
        out.insert(out.end(), written.wire().begin(), written.wire().end());
        put16(type);
        put16(klass);
        if (!edns_version) return out;
        out.push_back(0);
        for (const unsigned value : {unsigned{rrtype::opt}, 1232u, unsigned{*edns_version}, 0u, 0u}) put16(value);
        return out;
    }
};

/// Begins at 1000 s of the monotonic clock, with an empty View. Actions stay in `actions` until the test clears them.
class ResolverWorld {
public:
    /// Publishes a new View with this Catalog and `rules`.
    void show(const catalog::Catalog& catalog) {
        auto next = std::make_shared<view::View>();
        next->generation = view->generation + 1;
        next->catalog = std::make_shared<catalog::Catalog>(catalog);
        next->rules = rules;
        next->runtime = view::next_runtime(view->runtime, catalog, at.unix_seconds);
        view = next;
        resolver.on_view(view, at, actions);
    }
    /// A UDP query from `from`; an answer is in `reply`, its size in the result.
    answer::Answer ask(const std::vector<std::uint8_t>& message, const Address& from = Address::v4(127, 0, 0, 1)) {
        answer::Client client;
        client.peer = {from, 20000};
        return resolver.on_query(message, client, at, reply, actions);
    }
    /// Advances the clock by `span`, with one tick at the end.
    void wait(microseconds span) {
        at.now += span;
        resolver.on_tick(at, actions);
    }
    /// Recorded actions of this type.
    template <class Action>
    std::size_t count() const {
        return static_cast<std::size_t>(
            std::count_if(actions.begin(), actions.end(), [](const auto& action) { return std::holds_alternative<Action>(action); }));
    }

    metrics::WorkerCounters counters;
    Random random{Random::Seed{1, 2, 3, 4, 5, 6, 7, 8}};
    core::Resolver resolver{counters, random};
    std::shared_ptr<rules::Rules> rules = std::make_shared<rules::Rules>();
    std::shared_ptr<const view::View> view = std::make_shared<view::View>();
    Moment at{seconds(1000), 1'700'000'000};
    std::vector<std::uint8_t> reply = std::vector<std::uint8_t>(wire::message_max);
    answer::Actions actions;
};

}  // namespace lictor::test
