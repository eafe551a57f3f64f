// Runs a loop until a condition holds.
#pragma once

#include <catch2/catch.hpp>

#include <functional>

#include "conf/options/options.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

/// Each turn of the loop ends after at most a millisecond.
struct LoopFixture {
    loop::Loop loop;
    loop::Timer beat{loop, [] {}};

    LoopFixture() { beat.repeat(milliseconds(1)); }
    /// Runs the loop until `condition` is true; false if that lasts longer than `within`.
    bool until(const std::function<bool()>& condition, milliseconds within = milliseconds(5000)) {
        const Now end = loop::Loop::now() + within;
        while (!condition()) {
            if (loop::Loop::now() > end) return false;
            uv_run(loop.raw(), UV_RUN_ONCE);
        }
        return true;
    }
    /// Runs the loop for this time.
    void run_for(milliseconds time) {
        until([] { return false; }, time);
    }
};

/// Options with this consul-http-addr; all others are defaults.
inline conf::Options consul_options(const std::string& url) {
    conf::Options options;
    options.consul_http_addr = {{url, {}}};
    return options;
}

}  // namespace lictor
