// A name keeps its last addresses while nobody can tell others: an upstream that was right a moment ago is better than none.
#include "resolver/named_upstreams.hpp"

#include <algorithm>

#include "conf/disk_files.hpp"
#include "conf/log.hpp"

namespace lictor {
namespace {

constexpr milliseconds while_unknown = seconds(1), while_known = seconds(30);

/// What a program without a resolver of its own would ask.
std::shared_ptr<const Rules> system_rules(const std::vector<Endpoint>& own_endpoints) {
    FollowedFiles files;
    DiskFiles disk;
    for (const char* path : {"/etc/hosts", "/etc/resolv.conf"})
        if (auto text = disk.read(path)) (path == std::string_view("/etc/hosts") ? files.hosts : files.resolv).push_back({path, std::move(text->text)});
    std::vector<std::string> unheard;
    Options options;
    options.consul_http_addr.clear();
    return make_rules(options, files, own_endpoints, unheard);
}

}  // namespace

NamedUpstreams::NamedUpstreams(Loop& loop, Random& random, HostResolver& own, std::function<void()> changed)
    : system_(loop, random), own_(own), again_(loop, [this] { look(false); }), soon_(loop, [this] { look(true); }), tell_(loop, std::move(changed)) {}

void NamedUpstreams::want(std::vector<std::string> names, const std::vector<Endpoint>& own_endpoints) {
    names_ = std::move(names);
    own_endpoints_ = own_endpoints;
    std::erase_if(addresses_, [&](const auto& row) { return std::find(names_.begin(), names_.end(), row.first) == names_.end(); });
    if (names_.empty()) return again_.stop();
    // Not at once: who calls has yet to give the own resolver its rules.
    const bool fresh = std::any_of(names_.begin(), names_.end(), [&](const auto& name) { return !addresses_.contains(name); });
    if (fresh && !soon_.active()) soon_.start(microseconds(0));
    if (!again_.active()) again_.start(while_unknown);
}

bool NamedUpstreams::settled() const {
    const auto looked_for = [&](const std::string& name) {
        const auto told = told_.find(name);
        return addresses_.contains(name) || (told != told_.end() && told->second);
    };
    return !tell_.active() && std::all_of(names_.begin(), names_.end(), looked_for);
}

void NamedUpstreams::look(bool only_new) {
    if (names_.empty()) return;
    system_.adopt(system_rules(own_endpoints_));
    for (const auto& name : names_) {
        if (only_new && addresses_.contains(name)) continue;
        if (name == "localhost") {
            found(name, {.v4 = std::vector{Address::v4(127, 0, 0, 1)}, .v6 = std::vector{*Address::parse("::1")}});
            continue;
        }
        system_.resolve(name, [this, name](const HostAnswer& answer) {
            if (answer.any()) return found(name, answer);
            own_.resolve(name, [this, name](const HostAnswer& other) { found(name, other); });
        });
    }
    const bool all = std::all_of(names_.begin(), names_.end(), [&](const auto& name) { return addresses_.contains(name); });
    if (!only_new) again_.start(all ? while_known : while_unknown);
}

void NamedUpstreams::found(const std::string& name, const HostAnswer& answer) {
    if (!answer.any()) {
        if (!std::exchange(told_[name], true)) log::warning("cannot resolve server name " + name + (addresses_.contains(name) ? "; its last addresses are kept" : "; it is tried again"));
        return;
    }
    told_[name] = false;
    std::vector<Address> all = answer.v4.value_or(std::vector<Address>());
    if (answer.v6) all.insert(all.end(), answer.v6->begin(), answer.v6->end());
    // The order in which several addresses are told turns; only their set matters.
    std::sort(all.begin(), all.end());
    if (addresses_[name] == all) return;
    addresses_[name] = std::move(all);
    tell_.start(microseconds(0));  // a resolver stands above us: it is not given other rules underneath
}

}  // namespace lictor
