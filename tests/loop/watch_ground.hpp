// A loop that a test turns by hand until something has come true.
#pragma once

#include <catch2/catch.hpp>

#include <functional>

#include "conf/options.hpp"
#include "watch/loop/loop.hpp"

namespace lictor {

struct Ground {
    Loop loop;
    Timer beat{loop, [] {}};

    Ground() { beat.repeat(milliseconds(1)); }
    bool until(const std::function<bool()>& come, milliseconds within = milliseconds(5000)) {
        const Now end = Loop::now() + within;
        while (!come()) {
            if (Loop::now() > end) return false;
            uv_run(loop.raw(), UV_RUN_ONCE);
        }
        return true;
    }
    void pass(milliseconds time) {
        until([] { return false; }, time);
    }
};

inline Options consul_options(const std::string& url) {
    Options options;
    options.consul_http_addr = {{url, {}}};
    return options;
}

}  // namespace lictor
